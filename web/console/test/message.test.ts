import { describe, expect, it } from 'vitest';
import { canCancel, canRetry, reasonOf, receiptKind, story, type Message } from '../src/logic/message';

const message = (more: Partial<Message>): Message => ({
  id: 'msg_1',
  account: 'shop',
  kind: 'template',
  to: { openid: 'o1' },
  status: 'queued',
  priority: 'normal',
  on_unknown: 'keep',
  created_at: '2026-11-20T10:00:00Z',
  attempt_count: 0,
  ...more,
});
const diagnosis = { meaning: 'No quota', meaning_zh: '没有额度', fix: 'Wait', fix_zh: '请等待', retry: 'later' };

describe('the story of a message', () => {
  it('is told by time, with the receipt last even by a clock that is behind', () => {
    const told = story(
      message({
        status: 'delivered',
        attempts: [
          { at: '2026-11-20T10:00:05Z', outcome: 'uncertain', elapsed_ms: 9 },
          { at: '2026-11-20T10:00:09Z', outcome: 'accepted', elapsed_ms: 5 },
        ],
        receipt: { status: 'success', at: '2026-11-20T10:00:01Z' },
        send_at: '2026-11-20T10:00:04Z',
      }),
    );
    expect(told.map((step) => step.what)).toEqual(['taken_in', 'send_at', 'attempt', 'attempt', 'receipt']);
    expect(told.flatMap((step) => (step.what === 'attempt' ? [step.number] : []))).toEqual([1, 2]);
  });

  it('tells which ways were left, between the calls', () => {
    const left = { position: 0, kind: 'subscribe', reason: 'refused', message: 'No', message_zh: '不', at: '2026-11-20T10:00:06Z' } as const;
    const attempts: Message['attempts'] = [
      { at: '2026-11-20T10:00:05Z', outcome: 'refused', elapsed_ms: 9 },
      { at: '2026-11-20T10:00:07Z', outcome: 'accepted', elapsed_ms: 9 },
    ];
    const told = story(message({ status: 'accepted', attempts, routes_left: [left] }));
    expect(told.map((step) => step.what)).toEqual(['taken_in', 'attempt', 'left', 'attempt']);
  });

  it('tells an end that no attempt tells', () => {
    const told = story(message({ status: 'canceled', settled_at: '2026-11-20T10:01:00Z' }));
    expect(told.at(-1)).toEqual({ at: '2026-11-20T10:01:00Z', what: 'settled' });
    const failed = story(message({ status: 'failed', settled_at: '2026-11-20T10:01:00Z' }));
    expect(failed.map((step) => step.what)).toEqual(['taken_in']);
  });
});

describe('why it was not delivered', () => {
  it('is the diagnosis in the language of the person', () => {
    const failed = message({ status: 'failed', errcode: 45009, diagnosis });
    expect(reasonOf(failed, 'zh')).toEqual({ text: '没有额度', fix: '请等待' });
    expect(reasonOf(failed, 'en')).toEqual({ text: 'No quota', fix: 'Wait' });
  });

  it('is what kept it from being sent, before any code', () => {
    const withheld = { reason: 'refused', message: 'They refused', message_zh: '对方拒绝' } as const;
    const attempts = [{ at: '2026-11-20T10:00:05Z', outcome: 'withheld', elapsed_ms: 0, withheld } as const];
    expect(reasonOf(message({ status: 'failed', attempts: [...attempts], diagnosis }), 'zh')).toEqual({ text: '对方拒绝', fix: null });
  });

  it('is nothing for what arrived, whatever went wrong before', () => {
    expect(reasonOf(message({ status: 'delivered', diagnosis }), 'en')).toBeNull();
  });

  it('is what it waits for, in the language of the person', () => {
    const waiting = { reason: 'quiet_hours', detail: 'Not at night', detail_zh: '免打扰' } as const;
    expect(reasonOf(message({ status: 'queued', waiting }), 'zh')?.text).toBe('免打扰');
    expect(reasonOf(message({ status: 'queued', waiting }), 'en')?.text).toBe('Not at night');
  });

  it('is the words of an attempt without a known code', () => {
    const attempts: Message['attempts'] = [{ at: '2026-11-20T10:00:05Z', outcome: 'not_sent', elapsed_ms: 1, errmsg: 'no route' }];
    expect(reasonOf(message({ status: 'retrying', attempts }), 'en')?.text).toBe('no route');
  });
});

it('reads receipts however they are spaced', () => {
  expect(['success', 'failed:user block', 'failed: system failed', 'failed:else'].map(receiptKind)).toEqual([
    'success',
    'blocked',
    'system',
    'other',
  ]);
});

it('offers only what can be done', () => {
  expect([canRetry('failed'), canRetry('delivered'), canRetry('queued')]).toEqual([true, false, false]);
  expect([canCancel('scheduled'), canCancel('sending'), canCancel('failed')]).toEqual([true, false, false]);
});
