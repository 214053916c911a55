import { describe, expect, it } from 'vitest';
import { changesOf, durationOf, formOf, secondsOf } from '../src/logic/settings';
import type { Account } from '../src/session';

const account: Account = {
  name: 'shop',
  kind: 'official_account',
  appid: 'wx1',
  token_mode: 'stable',
  max_in_flight: 256,
  disabled: false,
  reserve_for_high_percent: 5,
  frequency_caps: [{ template_id: 't1', at_most: 3, within_seconds: 86_400 }],
  redirects: ['https://a.cn', 'https://b.cn'],
  health: { status: 'healthy' },
  created_at: '2026-11-20T10:00:00Z',
  updated_at: '2026-11-20T10:00:00Z',
};

describe('the settings of an account', () => {
  it('stay untouched by a form that was only looked at', () => {
    expect(changesOf(formOf(account), account)).toEqual({});
  });

  it('change where the form does, and nowhere else', () => {
    const form = formOf(account);
    form.quiet = true;
    form.rate = '20';
    form.caps.push({ template: '', atMost: '1', within: { amount: '2', unit: 'hours' } });
    form.redirects = ' https://a.cn \n\n';
    form.secret = 'new';
    expect(changesOf(form, account)).toEqual({
      secret: 'new',
      rate_per_second: 20,
      quiet_hours: { from: '22:00', to: '08:00', time_zone: 'Asia/Shanghai', action: 'defer' },
      frequency_caps: [
        { template_id: 't1', at_most: 3, within_seconds: 86_400 },
        { at_most: 1, within_seconds: 7200 },
      ],
      redirects: ['https://a.cn'],
    });
  });

  it('are taken away by emptying them', () => {
    const set = { ...account, rate_per_second: 20, deduplicate_seconds: 600, reply_url: 'https://a.cn/r' };
    const form = { ...formOf(set), rate: '', deduplicate: { amount: '', unit: 'minutes' as const }, replyUrl: '' };
    expect(changesOf(form, set)).toEqual({ rate_per_second: null, deduplicate_seconds: null, reply_url: null });
  });

  it('are not asked of a mini program that has no followers', () => {
    const mini: Account = { ...account, kind: 'mini_program' };
    expect(changesOf({ ...formOf(mini), toUnfollowed: true }, mini)).toEqual({});
  });
});

it('says times in the largest unit that fits', () => {
  expect([86_400, 7200, 90, 600].map(durationOf)).toEqual([
    { amount: '1', unit: 'days' },
    { amount: '2', unit: 'hours' },
    { amount: '90', unit: 'seconds' },
    { amount: '10', unit: 'minutes' },
  ]);
  expect(secondsOf(durationOf(null))).toBeNull();
});
