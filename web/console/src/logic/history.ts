// Numbers over time, as the overview draws them.

import type { Schema } from '../api/http';

export type Step = Schema['HistoryStep'];
export type Counted = 'taken_in' | 'accepted' | 'delivered' | 'undelivered' | 'failed' | 'dropped';

export interface Filled {
  at: number[];
  series: Record<Counted, number[]>;
}

const COUNTED: readonly Counted[] = ['taken_in', 'accepted', 'delivered', 'undelivered', 'failed', 'dropped'];
const MINUTE_MS = 60_000;

/** All steps of a time, those in which nothing happened included: the API leaves them out. */
export function filled(history: Schema['History']): Filled {
  const step = history.step_minutes * MINUTE_MS;
  const first = Math.floor(Date.parse(history.from) / step) * step;
  const last = Date.parse(history.to);
  const at: number[] = [];
  for (let time = first; time < last; time += step) at.push(time);
  const series = Object.fromEntries(COUNTED.map((name) => [name, at.map(() => 0)])) as Filled['series'];
  for (const item of history.items) {
    const index = Math.floor((Date.parse(item.at) - first) / step);
    if (index < 0 || index >= at.length) continue;
    for (const name of COUNTED) series[name][index] = (series[name][index] ?? 0) + item[name];
  }
  return { at, series };
}

export function totals(steps: readonly Step[]): Record<Counted | 'callbacks' | 'token_renewals' | 'token_disturbances', number> {
  const sum = { taken_in: 0, accepted: 0, delivered: 0, undelivered: 0, failed: 0, dropped: 0, callbacks: 0, token_renewals: 0, token_disturbances: 0 };
  for (const step of steps) for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += step[name];
  return sum;
}

/** What WeChat refused, by code, the most frequent first. */
export function refusals(steps: readonly Step[]): { code: number; count: number; share: number }[] {
  const counts = new Map<number, number>();
  let all = 0;
  for (const step of steps) {
    for (const [code, count] of Object.entries(step.refused)) {
      counts.set(Number(code), (counts.get(Number(code)) ?? 0) + count);
      all += count;
    }
  }
  return [...counts].map(([code, count]) => ({ code, count, share: count / all })).sort((a, b) => b.count - a.count || a.code - b.code);
}

/** How many messages of an account are still to be sent. */
export const openOf = (stats: Schema['AccountStats']): number => stats.queue.reduce((sum, one) => sum + one.open, 0);

/** A round number at or above the greatest, for the top of an axis. */
export function axisTop(greatest: number): number {
  if (greatest <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(greatest));
  const part = [1, 2, 4, 5, 8, 10].find((one) => one * power >= greatest) ?? 10;
  return part * power;
}

export type Quota = Schema['Quota'];

/** Below this, a forecast from the last minute says nothing about the day. */
const NOTABLE = 0.1;
const share = (quota: Quota) => (quota.limit ? quota.used / quota.limit : 0);

/** When an allowance is used up, where that can be told; `null` = not today. */
export const endOf = (quota: Quota): string | null => (share(quota) > NOTABLE ? (quota.forecast.exhausted_at ?? null) : null);

/** The scarcest first. */
export const byScarcity = (a: Quota, b: Quota): number => share(b) - share(a) || a.path.localeCompare(b.path);

/** The allowances that matter at a glance: for sending, and those that run out; the scarcest first. */
export function scarceQuotas(quotas: readonly Quota[], most = 4): Quota[] {
  return quotas
    .filter((one) => typeof one.limit === 'number')
    .filter((one) => one.path.endsWith('/send') || share(one) > 0.5 || endOf(one) !== null)
    .sort(byScarcity)
    .slice(0, most);
}
