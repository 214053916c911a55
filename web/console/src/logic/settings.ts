// An account's settings as a form has them: texts that people type.

import type { Schema } from '../api/http';

type Account = Schema['Account'];
type Change = Schema['ChangeAccount'];

export const UNITS = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 } as const;
export type Unit = keyof typeof UNITS;

/** A length of time; no amount = none. */
export interface Duration {
  amount: string;
  unit: Unit;
}

export interface SettingsForm {
  secret: string;
  originalId: string;
  tokenMode: Schema['TokenMode'];
  disabled: boolean;
  toUnfollowed: boolean;
  rate: string;
  inFlight: string;
  reserve: string;
  quiet: boolean;
  quietFrom: string;
  quietTo: string;
  timeZone: string;
  quietAction: Schema['QuietAction'];
  caps: { template: string; atMost: string; within: Duration }[];
  deduplicate: Duration;
  backends: { url: string; answers: boolean }[];
  replyUrl: string;
  /** One to a line. */
  jsOrigins: string;
  redirects: string;
}

/** In the largest unit that leaves nothing over. */
export function durationOf(seconds: number | null | undefined): Duration {
  if (!seconds) return { amount: '', unit: 'hours' };
  const unit = (['days', 'hours', 'minutes'] as const).find((one) => seconds % UNITS[one] === 0) ?? 'seconds';
  return { amount: String(seconds / UNITS[unit]), unit };
}

export const secondsOf = ({ amount, unit }: Duration): number | null => (amount.trim() ? Number(amount) * UNITS[unit] : null);

export function formOf(account: Account): SettingsForm {
  const quiet = account.quiet_hours;
  return {
    secret: '',
    originalId: account.original_id ?? '',
    tokenMode: account.token_mode,
    disabled: account.disabled,
    toUnfollowed: account.send_to_unfollowed ?? false,
    rate: account.rate_per_second?.toString() ?? '',
    inFlight: account.max_in_flight.toString(),
    reserve: account.reserve_for_high_percent?.toString() ?? '',
    quiet: Boolean(quiet),
    quietFrom: quiet?.from ?? '22:00',
    quietTo: quiet?.to ?? '08:00',
    timeZone: quiet?.time_zone ?? 'Asia/Shanghai',
    quietAction: quiet?.action ?? 'defer',
    caps: (account.frequency_caps ?? []).map((cap) => ({
      template: cap.template_id ?? '',
      atMost: String(cap.at_most),
      within: durationOf(cap.within_seconds),
    })),
    deduplicate: durationOf(account.deduplicate_seconds),
    backends: (account.backends ?? []).map((one) => ({ url: one.url, answers: one.answers ?? false })),
    replyUrl: account.reply_url ?? '',
    jsOrigins: (account.js_origins ?? []).join('\n'),
    redirects: (account.redirects ?? []).join('\n'),
  };
}

const number = (text: string): number | null => (text.trim() ? Number(text) : null);
const lines = (text: string): string[] => text.split('\n').map((line) => line.trim()).filter(Boolean);

function whole(form: SettingsForm, kind: Schema['AccountKind']): Change {
  return {
    original_id: form.originalId.trim() || null,
    token_mode: form.tokenMode,
    disabled: form.disabled,
    rate_per_second: number(form.rate),
    max_in_flight: number(form.inFlight),
    reserve_for_high_percent: number(form.reserve),
    quiet_hours: form.quiet ? { from: form.quietFrom, to: form.quietTo, time_zone: form.timeZone.trim(), action: form.quietAction } : null,
    frequency_caps: form.caps.map((cap) => ({
      ...(cap.template ? { template_id: cap.template } : {}),
      at_most: number(cap.atMost) ?? 0,
      within_seconds: secondsOf(cap.within) ?? 0,
    })),
    deduplicate_seconds: secondsOf(form.deduplicate),
    backends: form.backends.map((one) => ({ url: one.url.trim(), answers: one.answers })),
    reply_url: form.replyUrl.trim() || null,
    js_origins: lines(form.jsOrigins),
    redirects: lines(form.redirects),
    // Mini programs have no followers.
    ...(kind === 'official_account' ? { send_to_unfollowed: form.toUnfollowed } : {}),
  };
}

/** What the form changes, and nothing else: what others change meanwhile stays. */
export function changesOf(form: SettingsForm, account: Account): Change {
  const before = whole(formOf(account), account.kind);
  const changed = Object.entries(whole(form, account.kind)).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as keyof Change]),
  );
  return { ...Object.fromEntries(changed), ...(form.secret ? { secret: form.secret } : {}) };
}
