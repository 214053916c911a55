// "Always keep this choice": templates a person is not asked about again, as the
// pop-up of WeChat offers it.

import { read, write } from '@hongyan/kit';
import type { Choice } from '../types';

const KEY = 'hongyan.phone.always';
type Kept = Record<string, Choice>;

const place = (personId: string, template: string) => `${personId} ${template}`;

function all(): Kept {
  try {
    return (JSON.parse(read(KEY) ?? '{}') ?? {}) as Kept;
  } catch {
    return {};
  }
}

export function keptChoice(personId: string, template: string): Choice | undefined {
  return all()[place(personId, template)];
}

export function keepChoices(personId: string, choices: Record<string, Choice>): void {
  const kept = all();
  for (const [template, choice] of Object.entries(choices)) kept[place(personId, template)] = choice;
  write(KEY, JSON.stringify(kept));
}

export function forgetChoice(personId: string, template: string): void {
  const kept = all();
  delete kept[place(personId, template)];
  write(KEY, JSON.stringify(kept));
}

/** Which of the templates must be asked about, and the answers of the rest. */
export function split(
  personId: string,
  templates: readonly string[],
): { open: string[]; kept: Record<string, Choice> } {
  const open: string[] = [];
  const kept: Record<string, Choice> = {};
  for (const template of templates) {
    const choice = keptChoice(personId, template);
    if (choice) kept[template] = choice;
    else open.push(template);
  }
  return { open, kept };
}
