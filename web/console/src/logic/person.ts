// What is known of a person: how they can be reached, and what happened between them and the account.

import type { Schema } from '../api/http';
import { readFields, textAt, type Callback, type Field } from './inbound';
import type { Message, Tone } from './message';

export type Route = Schema['Route'];
export type Follow = Schema['Follow'];

export const FOLLOWS: readonly Follow[] = ['following', 'unfollowed', 'unknown'];
export const followTone: Record<Follow, Tone> = { following: 'good', unfollowed: 'warn', unknown: 'plain' };
export const canTone: Record<Schema['Can'], Tone> = { yes: 'good', unknown: 'plain', no: 'bad' };

const CAN_ORDER: readonly Schema['Can'][] = ['yes', 'unknown', 'no'];

/** The ways to a person, those that work first. */
export function byReach(routes: readonly Route[]): Route[] {
  return [...routes].sort((a, b) => CAN_ORDER.indexOf(a.can) - CAN_ORDER.indexOf(b.can));
}

/** The answer to "can I reach them now?": the best of the ways. */
export function bestOf(routes: readonly Route[]): Schema['Can'] {
  return byReach(routes)[0]?.can ?? 'no';
}

export type TimelineItem = { at: string } & ({ message: Message } | { callback: Callback });

interface Part<T> {
  items: readonly T[];
  /** Whether older ones were left out. */
  more: boolean;
}

/**
 * Messages and callbacks in one line, the newest first. Where one of them has more to
 * come, nothing older than its last is shown: what is missing may belong in between.
 */
export function timeline(messages: Part<Message>, callbacks: Part<Callback>): TimelineItem[] {
  const all: TimelineItem[] = [
    ...messages.items.map((message) => ({ at: message.created_at, message })),
    ...callbacks.items.map((callback) => ({ at: callback.received_at, callback })),
  ];
  const ends = [
    messages.more ? messages.items.at(-1)?.created_at : undefined,
    callbacks.more ? callbacks.items.at(-1)?.received_at : undefined,
  ].map((end) => (end === undefined ? -Infinity : Date.parse(end)));
  const known = Math.max(...ends);
  return all
    .filter((one) => Date.parse(one.at) >= known)
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}

/** What tells one state of a timeline from another. */
export const timelineMark = (items: readonly TimelineItem[]): string =>
  items.map((one) => ('message' in one ? `${one.message.id} ${one.message.status}` : one.callback.id)).join();

/** WeChat's events that change a person's consents. */
export const CONSENT_EVENTS = ['subscribe_msg_popup_event', 'subscribe_msg_change_event'] as const;

export interface ConsentChange {
  at: string;
  templateId: string;
  /** WeChat's word: `accept`, `reject`, … */
  answer: string;
}

/** The consents a callback tells of, wherever they stand in it: one or a list of them. */
export function consentsIn(callback: Pick<Callback, 'text' | 'created_at'>): ConsentChange[] {
  const inside = (fields: readonly Field[]): ConsentChange[] => {
    const [templateId, answer] = [textAt(fields, 'TemplateId'), textAt(fields, 'SubscribeStatusString')];
    const here = templateId && answer ? [{ at: callback.created_at, templateId, answer }] : [];
    return [...here, ...fields.flatMap((field) => inside(field.fields))];
  };
  return inside(readFields(callback.text) ?? []);
}

/** Bytes as WeChat counts those of a remark. */
export const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** How far a sync of followers is, 0 to 1: half is listing them, half is asking for their details. */
export function syncShare(sync: Schema['FollowerSync']): number {
  if (sync.phase === 'over') return 1;
  if (sync.total === 0) return 0;
  return (Math.min(sync.listed / sync.total, 1) + Math.min(sync.detailed / sync.total, 1)) / 2;
}
