import { describe, expect, it } from 'vitest';
import { asCurl, asJavaScript, byPointer, emptyForm, kindsOf, lengthOf, messageOf, type Template } from '../src/logic/send';

const template = { fields: [{ key: 'thing1' }, { key: 'time2' }] } as Template;

describe('the message of a form', () => {
  it('has every slot of the template, and nothing of another', () => {
    const form = { ...emptyForm(), to: ' o1 ', templateId: 't1', values: { thing1: 'Brush', old9: 'gone' } };
    expect(messageOf('shop', form, template)).toEqual({
      account: 'shop',
      kind: 'template',
      to: { openid: 'o1' },
      template_id: 't1',
      data: { thing1: 'Brush', time2: '' },
    });
  });

  it('puts the link where the kind wants it', () => {
    const form = { ...emptyForm(), url: 'https://a.cn/', appid: 'wx1', page: 'p/q' };
    expect(messageOf('a', { ...form, kind: 'template' }, null)).toMatchObject({
      url: 'https://a.cn/',
      miniprogram: { appid: 'wx1', pagepath: 'p/q' },
    });
    expect(messageOf('a', { ...form, kind: 'notification' }, null)).toMatchObject({ page: 'https://a.cn/' });
    const subscribe = messageOf('a', { ...form, kind: 'subscribe' }, null);
    expect(subscribe).toMatchObject({ page: 'p/q' });
    expect(subscribe.miniprogram).toBeUndefined();
  });

  it('is a body of WeChat’s for customer service, without a template', () => {
    const sent = messageOf('a', { ...emptyForm(), kind: 'customer_service', text: 'Hello', templateId: 't' }, null);
    expect(sent.content).toEqual({ msgtype: 'text', text: { content: 'Hello' } });
    expect(sent.template_id).toBeUndefined();
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
  const message = messageOf('a', { ...emptyForm(), kind: 'customer_service', to: 'o1', text: `it's` }, null);
  const curl = asCurl('http://h', message);
  expect(curl).toContain(`it'\\''s`);
  expect(curl).toContain('$HONGYAN_API_KEY');
  expect(asJavaScript('http://h', message)).toContain(`"it's"`);
});
