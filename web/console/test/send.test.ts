import { describe, expect, it } from 'vitest';
import { asCurl, asJavaScript, byPointer, emptyForm, emptyWay, kindsOf, lengthOf, messageOf, type SendForm, type Template } from '../src/logic/send';
import type { Account } from '../src/session';

const shop = { name: 'shop', kind: 'official_account' } as Account;
const mini = { name: 'mini', kind: 'mini_program' } as Account;
const template = { template_id: 't1', fields: [{ key: 'thing1' }, { key: 'time2' }] } as Template;
const known = (name: string) => ({ kind: name === 'mini' ? mini.kind : shop.kind, templates: [template] });
const filled = (more: Partial<SendForm> = {}) => messageOf({ ...emptyForm(shop), ...more }, known);

describe('the message of a form', () => {
  it('has every slot of the template, and nothing of another', () => {
    expect(filled({ to: ' o1 ', templateId: 't1', values: { thing1: 'Brush', old9: 'gone' } })).toEqual({
      account: 'shop',
      kind: 'template',
      to: { openid: 'o1' },
      template_id: 't1',
      data: { thing1: 'Brush', time2: '' },
    });
  });

  it('puts the link where the kind wants it', () => {
    const link = { url: 'https://a.cn/', appid: 'wx1', page: 'p/q', state: 'trial' } as const;
    const sent = filled({ ...link, kind: 'template' });
    expect(sent).toMatchObject({ url: 'https://a.cn/', miniprogram: { appid: 'wx1', pagepath: 'p/q' } });
    expect(sent.miniprogram_state).toBeUndefined();
    expect(filled({ ...link, kind: 'notification' })).toMatchObject({ page: 'https://a.cn/' });
    const subscribe = filled({ ...link, kind: 'subscribe' });
    expect(subscribe).toMatchObject({ page: 'p/q', miniprogram_state: 'trial' });
    expect(subscribe.miniprogram).toBeUndefined();
  });

  it('is a body of WeChat’s for customer service, without a template', () => {
    const sent = filled({ kind: 'customer_service', parts: { content: 'Hello' }, templateId: 't' });
    expect(sent.content).toEqual({ msgtype: 'text', text: { content: 'Hello' } });
    expect(sent.template_id).toBeUndefined();
  });

  it('has the other ways in their order, each as its account needs it', () => {
    const ways = [
      { ...emptyWay(mini), templateId: 't1', values: { thing1: 'Brush' } },
      { ...emptyWay(shop), kind: 'customer_service' as const, parts: { content: 'Brush' } },
    ];
    expect(filled({ ways }).fallback).toEqual([
      { account: 'mini', kind: 'subscribe', template_id: 't1', data: { thing1: 'Brush', time2: '' } },
      { account: 'shop', kind: 'customer_service', content: { msgtype: 'text', text: { content: 'Brush' } } },
    ]);
  });

  it('says how it is to be sent only where it differs from the usual', () => {
    const usual = filled();
    for (const name of ['priority', 'overflow', 'on_unknown', 'send_at', 'expires_at', 'fallback'] as const) {
      expect(usual[name]).toBeUndefined();
    }
    expect(filled({ priority: 'high', truncate: true, resend: true })).toMatchObject({
      priority: 'high',
      overflow: 'truncate',
      on_unknown: 'resend',
    });
  });
});

it('offers an account what it can send', () => {
  expect(kindsOf('mini_program')).toEqual(['subscribe', 'customer_service']);
  expect(kindsOf('official_account')[0]).toBe('template');
});

it('finds violations by their place, the value of a slot included', () => {
  const places = byPointer(
    [
      { pointer: '/data/thing1/value', rule: 'a', message: 'too long', message_zh: '太长' },
      { pointer: '/data/thing1', rule: 'b', message: 'no emoji', message_zh: '不能有表情' },
    ],
    'zh',
  );
  expect(places.get('/data/thing1')).toBe('太长 不能有表情');
});

it('counts what WeChat counts', () => {
  expect(lengthOf('毛笔🖌')).toBe(3);
});

it('writes calls that a shell and a program take as they are', () => {
  const message = filled({ kind: 'customer_service', to: 'o1', parts: { content: `it's` } });
  const curl = asCurl('http://h', message);
  expect(curl).toContain(`it'\\''s`);
  expect(curl).toContain('$HONGYAN_API_KEY');
  expect(asJavaScript('http://h', message)).toContain(`"it's"`);
});
