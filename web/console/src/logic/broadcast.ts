// From a form to a broadcast of the API, and what its record says to people.

import type { Schema } from '../api/http';
import type { Tone } from './message';
import { emptyForm, messageOf, type SendForm, type Template } from './send';

export type Broadcast = Schema['Broadcast'];
export type NewBroadcast = Schema['NewBroadcast'];
export type State = Schema['BroadcastState'];

export interface BroadcastForm {
  name: string;
  audience: 'file' | 'list' | 'followers' | 'tag';
  /** The tag's number. */
  tag: number | null;
  /** What is said; every text may be a template. */
  said: SendForm;
  /** When it begins: by hand once it was looked at, by itself, or by itself at `sendAt`. */
  start: 'hand' | 'now' | 'at';
  /** As the browser's controls have them: local, without a zone. */
  sendAt: string;
  expiresAt: string;
  rate: string;
  skipInvalid: boolean;
  truncate: boolean;
}

export const emptyBroadcast = (): BroadcastForm => ({
  name: '',
  audience: 'file',
  tag: null,
  said: emptyForm(),
  start: 'hand',
  sendAt: '',
  expiresAt: '',
  rate: '',
  skipInvalid: false,
  truncate: false,
});

/** The broadcast of a form; what is empty is left out. */
export function broadcastOf(account: string, form: BroadcastForm, template: Template | null): NewBroadcast {
  const { to: _to, ...said } = messageOf(account, { ...form.said, reference: '', sendAt: '' }, template);
  return {
    ...said,
    name: form.name.trim(),
    audience:
      form.audience === 'tag' ? { tag: form.tag ?? 0 } : form.audience === 'followers' ? { followers: true } : { upload: true },
    start: form.start !== 'hand',
    ...(form.start === 'at' && form.sendAt ? { send_at: new Date(form.sendAt).toISOString() } : {}),
    ...(form.expiresAt ? { expires_at: new Date(form.expiresAt).toISOString() } : {}),
    ...(form.rate ? { rate_per_second: Number(form.rate) } : {}),
    ...(form.skipInvalid ? { skip_invalid: true } : {}),
    ...(form.truncate ? { overflow: 'truncate' } : {}),
  };
}

/** A text with a field put in where the cursor is, and where it then is. */
export function insertField(text: string, field: string, from: number, to = from): { text: string; cursor: number } {
  const put = `{{ ${field} }}`;
  return { text: text.slice(0, from) + put + text.slice(to), cursor: from + put.length };
}

const TONES: Record<State, Tone> = {
  loading: 'busy',
  ready: 'warn',
  running: 'busy',
  paused: 'warn',
  finished: 'good',
  canceled: 'plain',
  failed: 'bad',
};
export const toneOf = (state: State): Tone => TONES[state];

export const isOver = (state: State) => ['finished', 'canceled', 'failed'].includes(state);
export const canStart = (state: State) => state === 'ready';
export const canPause = (state: State) => state === 'running';
export const canResume = (state: State) => state === 'paused';
export const canCancel = (state: State) => !isOver(state);

/** What a broadcast's people have become, in the order of a bar. */
export const PARTS = ['delivered', 'accepted', 'undelivered', 'failed', 'unknown', 'expired', 'canceled', 'skipped', 'open', 'waiting'] as const;
export interface Part {
  what: (typeof PARTS)[number];
  count: number;
  tone: Tone;
}
const PART_TONES: Record<Part['what'], Tone> = {
  delivered: 'good',
  accepted: 'good',
  undelivered: 'bad',
  failed: 'bad',
  unknown: 'warn',
  expired: 'warn',
  canceled: 'plain',
  skipped: 'plain',
  open: 'busy',
  waiting: 'plain',
};

/** The people of a broadcast by what became of them; those with nobody in them are left out. */
export function partsOf(broadcast: Broadcast): Part[] {
  const progress = broadcast.progress;
  const counts: Record<string, number> = {
    ...progress?.by_status,
    skipped: broadcast.skipped,
    waiting: progress?.to_expand ?? Math.max(0, broadcast.recipients - broadcast.messages - broadcast.skipped),
  };
  return PARTS.map((what) => ({ what, count: counts[what] ?? 0, tone: PART_TONES[what] })).filter((part) => part.count > 0);
}

/** How much of a broadcast is over, 0 to 1. */
export function doneOf(broadcast: Broadcast): number {
  if (broadcast.recipients === 0) return isOver(broadcast.state) ? 1 : 0;
  const done = broadcast.skipped + (broadcast.progress?.over ?? 0);
  return Math.min(1, done / broadcast.recipients);
}

/** A span of time in the unit that says it best, rounded up: 90 s = 2 min. */
export function spanOf(seconds: number): { count: number; unit: 'second' | 'minute' | 'hour' | 'day' } {
  if (seconds < 60) return { count: Math.ceil(seconds), unit: 'second' };
  if (seconds < 5400) return { count: Math.ceil(seconds / 60), unit: 'minute' };
  if (seconds < 172_800) return { count: Math.ceil(seconds / 3600), unit: 'hour' };
  return { count: Math.ceil(seconds / 86_400), unit: 'day' };
}
