import { describe, expect, it } from 'vitest';
import type { Schema } from '../src/api/http';
import { broadcastOf, doneOf, emptyBroadcast, partsOf, spanOf, type Broadcast } from '../src/logic/broadcast';
import type { Template } from '../src/logic/send';

const account = { name: 'shop', kind: 'official_account' } as Schema['Account'];
const known = () => ({ kind: account.kind, templates: [{ template_id: 't1', fields: [{ key: 'thing1' }] } as Template] });

describe('the broadcast of a form', () => {
  const form = emptyBroadcast(account);
  Object.assign(form, { name: ' Sale ' });
  Object.assign(form.said, { templateId: 't1', values: { thing1: '{{ name }}' }, to: 'o1', reference: 'r' });

  it('says what a message says, to nobody yet, and is started by hand', () => {
    expect(broadcastOf(form, known)).toEqual({
      account: 'shop',
      name: 'Sale',
      kind: 'template',
      template_id: 't1',
      data: { thing1: '{{ name }}' },
      audience: { upload: true },
      priority: 'low',
      start: false,
    });
  });

  it('has an audience, a time and a rate where they are chosen', () => {
    const said = { ...form.said, sendAt: '2026-11-20T10:00' };
    const more = { ...form, said, audience: 'tag' as const, tag: 100, start: 'at' as const, rate: '50', skipInvalid: true };
    expect(broadcastOf(more, known)).toMatchObject({
      audience: { tag: 100 },
      start: true,
      send_at: new Date('2026-11-20T10:00').toISOString(),
      rate_per_second: 50,
      skip_invalid: true,
    });
    expect(broadcastOf({ ...more, start: 'now' }, known).send_at).toBeUndefined();
  });
});

describe('how far a broadcast has come', () => {
  const broadcast = (more: object) => ({ state: 'running', recipients: 10, messages: 6, skipped: 2, ...more }) as Broadcast;

  it('is told by what became of its people', () => {
    const progress = { by_status: { delivered: 1, failed: 2, open: 3 }, over: 3, to_expand: 2 };
    const parts = partsOf(broadcast({ progress })).map((part) => [part.what, part.count]);
    expect(parts).toEqual([['delivered', 1], ['failed', 2], ['skipped', 2], ['open', 3], ['waiting', 2]]);
    expect(doneOf(broadcast({ progress }))).toBe(0.5);
  });

  it('is known without its figures, too', () => {
    expect(partsOf(broadcast({})).map((part) => [part.what, part.count])).toEqual([['skipped', 2], ['waiting', 2]]);
    expect(doneOf(broadcast({ recipients: 0, skipped: 0 }))).toBe(0);
    expect(doneOf(broadcast({ state: 'finished', recipients: 0, skipped: 0 }))).toBe(1);
  });

  it('is told in the unit that says it best', () => {
    expect(spanOf(7.2)).toEqual({ count: 8, unit: 'second' });
    expect(spanOf(90)).toEqual({ count: 2, unit: 'minute' });
    expect(spanOf(7200)).toEqual({ count: 2, unit: 'hour' });
    expect(spanOf(200_000)).toEqual({ count: 3, unit: 'day' });
  });
});
