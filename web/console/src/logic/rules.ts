// Reply rules between the API's shape and forms.

import type { Schema } from '../api/http';

export type RuleSet = Schema['RuleSet'];
export type Rule = Schema['Rule'];
export type When = NonNullable<Rule['when']>;
export type Answer = Schema['Answer'];
export type AnswerType = Answer['type'];
export type Hours = Schema['Hours'];

/** The longest text WeChat shows as an answer, in bytes. */
export const LONGEST_TEXT = 2047;
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** What a rule waits for, as people think of it; `other` is what the form cannot say. */
export const TRIGGERS = ['text', 'follow', 'click', 'scan', 'message', 'event', 'anything', 'other'] as const;
export type Trigger = (typeof TRIGGERS)[number];

const EVENTS: Partial<Record<Trigger, string>> = { follow: 'subscribe', click: 'CLICK', scan: 'SCAN' };

export function triggerOf(when: When): Trigger {
  const { msg_type: type, text, event, key } = when;
  if (text) return !event && !key && (!type || type === 'text') ? 'text' : 'other';
  if (event && (!type || type === 'event')) {
    const found = (Object.keys(EVENTS) as Trigger[]).find((one) => EVENTS[one]?.toLowerCase() === event.toLowerCase());
    return found ?? 'event';
  }
  if (event || key) return 'other';
  return type ? 'message' : 'anything';
}

/** The condition of a trigger that was just chosen; the hours stay. */
export function whenOf(trigger: Trigger, before: When): When {
  const hours = before.between ? { between: before.between } : {};
  if (trigger === 'text') return { text: before.text ?? { contains: [] }, ...hours };
  if (trigger === 'message') return { msg_type: 'image', ...hours };
  if (trigger === 'event') return { event: '', ...hours };
  if (trigger === 'anything') return hours;
  const event = EVENTS[trigger];
  // What is said in its own words begins with what there was.
  return event ? { event, ...hours } : before;
}

export type How = 'exact' | 'contains' | 'regex';
type TextMatch = NonNullable<When['text']>;

/** How a text is compared, and with what: one text a line, or one regular expression. */
export function matchOf(match: TextMatch): { how: How; lines: string } {
  if ('regex' in match) return { how: 'regex', lines: match.regex };
  const [how, texts] = 'exact' in match ? (['exact', match.exact] as const) : (['contains', match.contains] as const);
  return { how, lines: typeof texts === 'string' ? texts : texts.join('\n') };
}

export function textMatch(how: How, lines: string): TextMatch {
  if (how === 'regex') return { regex: lines };
  const texts = lines.split('\n').filter((line) => line.trim());
  return how === 'exact' ? { exact: texts } : { contains: texts };
}

const BLANKS: Record<AnswerType, Answer> = {
  text: { type: 'text', content: '' },
  image: { type: 'image', media_id: '' },
  voice: { type: 'voice', media_id: '' },
  video: { type: 'video', media_id: '' },
  music: { type: 'music', thumb_media_id: '' },
  news: { type: 'news', articles: [{ title: '', url: '' }] },
  transfer_customer_service: { type: 'transfer_customer_service' },
  nothing: { type: 'nothing' },
};
export const blankAnswer = (type: AnswerType): Answer => copyOf(BLANKS[type]);

/** What an account's rules may answer, the usual first. */
export function answersOf(kind: Schema['AccountKind']): AnswerType[] {
  return kind === 'mini_program'
    ? ['transfer_customer_service', 'nothing']
    : ['text', 'news', 'image', 'voice', 'video', 'music', 'transfer_customer_service', 'nothing'];
}

/** The variables an answer may use: the same everywhere, and the groups of a regular expression. */
export function variablesOf(when: When): string[] {
  const always = ['openid', 'text', 'key', 'scene', 'date', 'time'];
  if (!when.text || !('regex' in when.text)) return always;
  const groups = [...when.text.regex.matchAll(/(?<!\\)\((\?P?<(?<name>\w+)>|(?!\?))/g)];
  return [...always, ...groups.map((one, index) => one.groups?.name ?? String(index + 1))];
}

export const bytesOf = (text: string) => new TextEncoder().encode(text).length;

/** One moved to another place. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const one = list[from];
  if (one === undefined || to < 0 || to >= list.length) return [...list];
  return list.toSpliced(from, 1).toSpliced(to, 0, one);
}

/** A name that no rule has yet. */
export function freeName(wanted: string, rules: readonly Rule[]): string {
  const taken = new Set(rules.map((one) => one.name));
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : `${wanted} ${number}`;
    if (!taken.has(name)) return name;
  }
}

/** Apart from what is shown: what is edited must not change it. */
export const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** Without optional texts that are empty: the API wants them left out. */
export function tidy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(tidy) as T;
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name, one]) => one !== null && one !== undefined && !(one === '' && OPTIONAL.has(name)));
  return Object.fromEntries(kept.map(([name, one]) => [name, tidy(one)])) as T;
}
const OPTIONAL = new Set(['key', 'title', 'description', 'music_url', 'hq_music_url', 'pic_url', 'kf_account', 'time_zone']);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads rules somebody wrote; `null` = it has not their shape, so that no form could show them. */
export function readRules(text: string): RuleSet | null {
  const set: unknown = JSON.parse(text);
  if (!isObject(set) || (set.rules !== undefined && !Array.isArray(set.rules))) return null;
  const isAnswer = (value: unknown) =>
    isObject(value) && typeof value.type === 'string' && value.type in BLANKS && (value.type !== 'news' || Array.isArray(value.articles));
  const isRule = (value: unknown) =>
    isObject(value) && typeof value.name === 'string' && (value.when === undefined || isObject(value.when)) && isAnswer(value.reply);
  const rules = (set.rules ?? []) as unknown[];
  if (!rules.every(isRule) || (set.default && !isAnswer(set.default))) return null;
  return { ...set, rules } as RuleSet;
}

/** What is wrong with one part of a set, by where in it: `/rules/3` gives `/reply/content` … */
export function wrongWithin(violations: readonly Schema['Violation'][], part: string): Schema['Violation'][] {
  return violations
    .filter((one) => one.pointer === part || one.pointer.startsWith(`${part}/`))
    .map((one) => ({ ...one, pointer: one.pointer.slice(part.length) }));
}
