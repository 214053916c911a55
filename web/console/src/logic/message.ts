// What a message's record says to people.

import type { Schema } from '../api/http';

export type Message = Schema['Message'];
export type Status = Schema['Status'];
export type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'plain';

export const STATUSES: readonly Status[] = [
  'scheduled',
  'queued',
  'sending',
  'retrying',
  'accepted',
  'delivered',
  'undelivered',
  'failed',
  'unknown',
  'expired',
  'canceled',
];
export const KINDS: readonly Schema['Kind'][] = ['template', 'subscribe', 'notification', 'one_time', 'customer_service'];

const TONES: Record<Status, Tone> = {
  scheduled: 'plain',
  queued: 'busy',
  sending: 'busy',
  retrying: 'warn',
  accepted: 'good',
  delivered: 'good',
  undelivered: 'bad',
  failed: 'bad',
  unknown: 'warn',
  expired: 'warn',
  canceled: 'plain',
};
export const toneOf = (status: Status): Tone => TONES[status];

/** Whether it can be sent once more. */
export const canRetry = (status: Status) => ['failed', 'undelivered', 'unknown', 'expired'].includes(status);
/** Whether it can be taken back. */
export const canCancel = (status: Status) => ['scheduled', 'queued', 'retrying'].includes(status);
/** Whether something is still to come of it. */
export const isOpen = (status: Status) => ['scheduled', 'queued', 'sending', 'retrying'].includes(status);

/** Whether WeChat says of this kind what became of it. */
export const hasReceipt = (kind: Schema['Kind']) => kind !== 'customer_service' && kind !== 'one_time';

/** Whom it is for, in one text. */
export function recipient(to: Schema['Recipient']): string {
  return to.openid ?? to.unionid ?? to.user_id ?? '';
}

/** WeChat's receipts, by what they mean; spaces in them vary. */
export function receiptKind(status: string): 'success' | 'blocked' | 'system' | 'other' {
  const text = status.toLowerCase().replaceAll(' ', '');
  if (text === 'success') return 'success';
  if (text.includes('userblock')) return 'blocked';
  if (text.includes('systemfailed')) return 'system';
  return 'other';
}

export type StoryStep =
  | { at: string; what: 'taken_in' | 'send_at' | 'settled' }
  | { at: string; what: 'attempt'; number: number; attempt: Schema['Attempt'] }
  | { at: string; what: 'left'; left: Schema['LeftRoute'] }
  | { at: string; what: 'receipt'; receipt: Schema['Receipt'] };

/** All that happened to a message, by time. */
export function story(message: Message): StoryStep[] {
  const steps: StoryStep[] = [{ at: message.created_at, what: 'taken_in' }];
  if (message.send_at) steps.push({ at: message.send_at, what: 'send_at' });
  (message.attempts ?? []).forEach((attempt, index) =>
    steps.push({ at: attempt.at, what: 'attempt', number: index + 1, attempt }),
  );
  (message.routes_left ?? []).forEach((left) => steps.push({ at: left.at, what: 'left', left }));
  // Other ends are told by the attempt before them.
  if (message.settled_at && ['expired', 'canceled', 'unknown'].includes(message.status)) {
    steps.push({ at: message.settled_at, what: 'settled' });
  }
  const order = (step: StoryStep) => Date.parse(step.at);
  steps.sort((a, b) => order(a) - order(b));
  // WeChat's clock may differ from ours: a receipt never comes before the sending.
  if (message.receipt) steps.push({ at: message.receipt.at, what: 'receipt', receipt: message.receipt });
  return steps;
}

export interface Reason {
  text: string;
  fix: string | null;
}

/** Why a message did not arrive, in both languages; `null` = nothing is known that speaks against it. */
export function reasonOf(message: Message, lang: 'zh' | 'en'): Reason | null {
  const zh = lang === 'zh';
  const last = message.attempts?.at(-1);
  if (last?.withheld) return { text: zh ? last.withheld.message_zh : last.withheld.message, fix: null };
  if (message.status === 'delivered' || message.status === 'accepted') return null;
  if (message.receipt && message.status === 'undelivered') return null;
  const diagnosis = message.diagnosis ?? last?.diagnosis ?? message.waiting?.diagnosis;
  if (diagnosis) {
    return { text: zh ? diagnosis.meaning_zh : diagnosis.meaning, fix: zh ? diagnosis.fix_zh : diagnosis.fix };
  }
  if (message.waiting) return { text: (zh && message.waiting.detail_zh) || message.waiting.detail, fix: null };
  if (last?.errmsg && last.outcome !== 'accepted') return { text: last.errmsg, fix: null };
  return null;
}
