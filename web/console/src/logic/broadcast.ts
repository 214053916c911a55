// From a form to a broadcast of the API, and what its record says to people.

import type { Schema } from '../api/http';
import type { Tone } from './message';
import { emptyForm, messageOf, type Known, type SendForm } from './send';

export type Broadcast = Schema['Broadcast'];
export type NewBroadcast = Schema['NewBroadcast'];
export type State = Schema['BroadcastState'];

export interface BroadcastForm {
  name: string;
  audience: 'file' | 'list' | 'followers' | 'tag';
  /** The tag's number. */
  tag: number | null;
  /** What is said, and by when; every text may be a template. */
  said: SendForm;
  /** When it begins: by hand once it was looked at, by itself, or by itself at `said.sendAt`. */
  start: 'hand' | 'now' | 'at';
  rate: string;
  skipInvalid: boolean;
}

export const emptyBroadcast = (account: Schema['Account']): BroadcastForm => ({
  name: '',
  audience: 'file',
  tag: null,
  said: { ...emptyForm(account), priority: 'low' },
  start: 'hand',
  rate: '',
  skipInvalid: false,
});

function audienceOf(form: BroadcastForm): NewBroadcast['audience'] {
  if (form.audience === 'tag') return { tag: form.tag ?? 0 };
  return form.audience === 'followers' ? { followers: true } : { upload: true };
}

/** The broadcast of a form; what is empty is left out. */
export function broadcastOf(form: BroadcastForm, known: (account: string) => Known): NewBroadcast {
  const sendAt = form.start === 'at' ? form.said.sendAt : '';
  const { to: _to, fallback, ...said } = messageOf({ ...form.said, reference: '', sendAt }, known);
  return {
    ...said,
    ...(fallback ? { fallback } : {}),
    account: form.said.account,
    name: form.name.trim(),
    audience: audienceOf(form),
    priority: form.said.priority,
    start: form.start !== 'hand',
    ...(form.rate ? { rate_per_second: Number(form.rate) || 0 } : {}),
    ...(form.skipInvalid ? { skip_invalid: true } : {}),
  };
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
/** Whether nothing of it changes any more: of one that was canceled, what was in the queue still ends. */
export const isStill = (broadcast: Broadcast) => isOver(broadcast.state) && !broadcast.progress?.by_status.open;
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
