import { describe, expect, it } from 'vitest';
import type { Callback } from '../src/logic/inbound';
import type { Message } from '../src/logic/message';
import { bestOf, byReach, bytesOf, consentsIn, syncShare, timeline, timelineMark, type Route } from '../src/logic/person';

const message = (id: string, at: string) => ({ id, created_at: at, status: 'queued' }) as Message;
const callback = (id: string, at: string) => ({ id, received_at: at }) as Callback;
const ids = (items: ReturnType<typeof timeline>) => items.map((one) => ('message' in one ? one.message.id : one.callback.id));

describe('a timeline', () => {
  const messages = [message('m3', '2026-11-21T03:00:00Z'), message('m1', '2026-11-21T01:00:00Z')];
  const callbacks = [callback('c4', '2026-11-21T04:00:00Z'), callback('c2', '2026-11-21T02:00:00.5Z'), callback('c0', '2026-11-21T00:00:00Z')];

  it('has both kinds by time, the newest first', () => {
    const all = timeline({ items: messages, more: false }, { items: callbacks, more: false });
    expect(ids(all)).toEqual(['c4', 'm3', 'c2', 'm1', 'c0']);
  });

  it('ends where something that is not loaded yet may belong', () => {
    const all = timeline({ items: messages, more: true }, { items: callbacks, more: false });
    expect(ids(all)).toEqual(['c4', 'm3', 'c2', 'm1']);
    expect(ids(timeline({ items: messages, more: false }, { items: callbacks.slice(0, 1), more: true }))).toEqual(['c4']);
  });

  it('is another one when something came or changed', () => {
    const before = timeline({ items: messages, more: false }, { items: [], more: false });
    const after = timeline({ items: [{ ...messages[0]!, status: 'delivered' }, messages[1]!], more: false }, { items: [], more: false });
    expect(timelineMark(after)).not.toBe(timelineMark(before));
  });
});

describe('reach', () => {
  const routes = [{ kind: 'template', can: 'no' }, { kind: 'notification', can: 'unknown' }, { kind: 'customer_service', can: 'yes' }] as Route[];
  it('puts first what works', () => {
    expect(byReach(routes).map((one) => one.can)).toEqual(['yes', 'unknown', 'no']);
    expect(bestOf(routes)).toBe('yes');
    expect(bestOf(routes.slice(0, 2))).toBe('unknown');
    expect(bestOf([])).toBe('no');
  });
});

describe('what a callback tells of consents', () => {
  const at = '2026-11-21T00:00:00Z';
  it('is read from XML, of several templates', () => {
    const list = (id: string, word: string) => `<List><TemplateId><![CDATA[${id}]]></TemplateId><SubscribeStatusString><![CDATA[${word}]]></SubscribeStatusString></List>`;
    const text = `<xml><Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent>${list('a', 'accept')}${list('b', 'reject')}</SubscribeMsgPopupEvent></xml>`;
    expect(consentsIn({ text, created_at: at })).toEqual([
      { at, templateId: 'a', answer: 'accept' },
      { at, templateId: 'b', answer: 'reject' },
    ]);
  });

  it('is read from JSON, as one list or several', () => {
    const one = { TemplateId: 'a', SubscribeStatusString: 'accept' };
    expect(consentsIn({ text: JSON.stringify({ List: one }), created_at: at })).toHaveLength(1);
    expect(consentsIn({ text: JSON.stringify({ List: [one, one] }), created_at: at })).toHaveLength(2);
  });
});

it('counts bytes, not characters', () => {
  expect(bytesOf('老客户 a')).toBe(11);
});

it('says how far a sync is', () => {
  const sync = { run: 1, phase: 'listing', total: 100, listed: 50, gone: 0, detailed: 0, started_at: '' } as const;
  expect(syncShare(sync)).toBe(0.25);
  expect(syncShare({ ...sync, phase: 'describing', listed: 100, detailed: 50 })).toBe(0.75);
  expect(syncShare({ ...sync, total: 0, phase: 'over' })).toBe(1);
  expect(syncShare({ ...sync, total: 0 })).toBe(0);
});
