// What a template says to people: its card, its changes, the names of its keys.

import type { Schema } from '../api/http';

export type Template = Schema['Template'];
export type Field = Schema['Field'];

/** A value that fits each type, to see what a card looks like. */
const SAMPLES: Record<string, string> = {
  thing: '一支毛笔',
  short_thing: '毛笔',
  number: '12',
  letter: 'ABC',
  symbol: '***',
  character_string: 'A2026-1101',
  time: '2026-11-20 10:00',
  date: '2026-11-20',
  amount: '¥88.00',
  phone_number: '+86 13800000000',
  car_number: '粤A12345',
  name: '王小雁',
  phrase: '已完成',
  text: '示例文字',
};

export const sampleOf = (field: Pick<Field, 'type' | 'allowed'>): string => field.allowed?.[0] ?? SAMPLES[field.type] ?? '';

/** The lines of a filled card: WeChat's own example, or samples in the form's slots. */
export function sampleLines(template: Template): string[] {
  const text = template.example.trim() || filled(template);
  return text.split('\n');
}

function filled(template: Template): string {
  const samples = new Map(template.fields.map((field) => [field.key, sampleOf(field)]));
  return template.content.replace(/\{\{(\w+)\.DATA\}\}/g, (_slot, key: string) => samples.get(key) ?? '');
}

/** Whether a template is meant by some letters of its title, id, labels or keys. */
export function fits(template: Template, wanted: string): boolean {
  const text = wanted.trim().toLowerCase();
  const words = [template.title, template.template_id, ...template.fields.flatMap((one) => [one.key, one.label, one.name ?? ''])];
  return words.some((one) => one.toLowerCase().includes(text));
}

export interface DiffLine {
  what: 'same' | 'gone' | 'new';
  text: string;
}

/** Two forms line by line: what stayed, what went, what came. Forms have few lines. */
export function formDiff(before: string, after: string): DiffLine[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  // Longest common part from each pair of places on.
  const common = Array.from({ length: old.length + 1 }, () => new Array<number>(now.length + 1).fill(0));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      common[i]![j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const diff: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      diff.push({ what: 'same', text: old[i++] ?? '' });
      j++;
    } else if (i < old.length && (j === now.length || at(i + 1, j) >= at(i, j + 1))) {
      diff.push({ what: 'gone', text: old[i++] ?? '' });
    } else {
      diff.push({ what: 'new', text: now[j++] ?? '' });
    }
  }
  return diff;
}

const linesOf = (form: string) => form.split('\n').filter((line) => line.trim() !== '');

/** Own names as a form has them: one for each key, empty where there is none. */
export function namesByKey(fields: readonly Field[], names: Record<string, string>): Record<string, string> {
  const byKey = Object.fromEntries(Object.entries(names).map(([name, key]) => [key, name]));
  return Object.fromEntries(fields.map((field) => [field.key, byKey[field.key] ?? '']));
}

/** The same as the API takes them: name to key. `null` = one name stands for two keys. */
export function namesOf(byKey: Record<string, string>): Record<string, string> | null {
  const given = Object.entries(byKey).flatMap(([key, name]) => (name.trim() ? [[name.trim(), key] as const] : []));
  const names = Object.fromEntries(given);
  return Object.keys(names).length === given.length ? names : null;
}

/** Keywords in the order they were chosen: one more, or one less. */
export function toggled<T>(chosen: readonly T[], one: T): T[] {
  return chosen.includes(one) ? chosen.filter((other) => other !== one) : [...chosen, one];
}
