import { expect, it } from 'vitest';
import { axisTop, endOf, filled, refusals, scarceQuotas, totals, type Quota, type Step } from '../src/logic/history';

const step = (at: string, more: Partial<Step> = {}): Step => ({
  at,
  taken_in: 0,
  accepted: 0,
  delivered: 0,
  undelivered: 0,
  failed: 0,
  dropped: 0,
  refused: {},
  callbacks: 0,
  token_renewals: 0,
  token_disturbances: 0,
  ...more,
});

it('fills in the steps in which nothing happened', () => {
  const all = filled({
    from: '2026-11-20T10:07:00Z',
    to: '2026-11-20T11:00:00Z',
    step_minutes: 15,
    items: [step('2026-11-20T10:30:00Z', { accepted: 3 })],
  });
  expect(all.at.length).toBe(4);
  expect(all.series.accepted).toEqual([0, 0, 3, 0]);
});

it('adds up, and sorts refusals by how often they were', () => {
  const steps = [step('a', { failed: 1, refused: { 40003: 1 } }), step('b', { failed: 3, refused: { 43004: 2, 40003: 0, 45009: 1 } })];
  expect(totals(steps).failed).toBe(4);
  expect(refusals(steps).map((one) => [one.code, one.share])).toEqual([
    [43004, 0.5],
    [40003, 0.25],
    [45009, 0.25],
  ]);
});

it('ends the axis at a round number', () => {
  expect([0, 3, 12, 41, 100, 730].map(axisTop)).toEqual([4, 4, 20, 50, 100, 800]);
});

it('shows the quotas for sending and those that run out, the scarcest first', () => {
  const quota = (path: string, used: number, limit: number | null): Quota => ({
    path,
    limit,
    used,
    left: limit === null ? null : limit - used,
    ours: used,
    per_minute: 0,
    forecast: {},
  });
  const soon = { forecast: { exhausted_at: '2026-11-20T12:00:00Z' } };
  // Two calls in the last minute are no sign that a day's five hundred are running out.
  expect([endOf({ ...quota('/user', 2, 500), ...soon }), endOf({ ...quota('/user', 90, 500), ...soon })]).toEqual([null, soon.forecast.exhausted_at]);
  const shown = scarceQuotas([quota('/send', 1, 100), quota('/info', 1, 100), quota('/tags', 90, 100), quota('/x/send', 0, null)]);
  expect(shown.map((one) => one.path)).toEqual(['/tags', '/send']);
});
