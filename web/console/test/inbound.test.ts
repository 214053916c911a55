import { describe, expect, it } from 'vitest';
import { answerOf, flat, gistOf, kindOf, queryOfKind, readFields, standingOf, textAt } from '../src/logic/inbound';

const text = (content: string) =>
  `<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[${content}]]></Content></xml>`;

describe('the fields of a callback', () => {
  it('are read from XML, ciphered marks and all, without being run', () => {
    const fields = readFields(text('a <b>bold</b> & more'));
    expect(fields?.map((one) => one.name)).toEqual(['ToUserName', 'MsgType', 'Content']);
    expect(textAt(fields ?? [], 'Content')).toBe('a <b>bold</b> & more');
  });

  it('are read where texts are escaped, elements empty or within others', () => {
    const fields = readFields('<?xml version="1.0"?>\n<xml>\n<A>1 &lt; 2 &amp; 3</A>\n<B/><C></C><D><E>x</E></D></xml>\n') ?? [];
    expect(flat(fields)).toEqual([
      { name: 'A', text: '1 < 2 & 3' },
      { name: 'B', text: '' },
      { name: 'C', text: '' },
      { name: 'D › E', text: 'x' },
    ]);
  });

  it('are read from JSON, lists included', () => {
    const fields = readFields('{"Event":"subscribe_msg_popup_event","List":[{"TemplateId":"t1","Popup":0}]}') ?? [];
    expect(flat(fields)).toEqual([
      { name: 'Event', text: 'subscribe_msg_popup_event' },
      { name: 'List › 0 › TemplateId', text: 't1' },
      { name: 'List › 0 › Popup', text: '0' },
    ]);
  });

  it('are none where it is neither', () => {
    expect(readFields('<xml><MsgType>text</xml>')).toBeNull();
    expect(readFields('<xml><MsgType>text</MsgType>')).toBeNull();
    expect(readFields('a < b')).toBeNull();
    expect(readFields('success')).toBeNull();
    expect(readFields('"text"')).toBeNull();
  });
});

it('tells a callback in one line', () => {
  expect(gistOf({ text: text('你好'), event_key: null })).toBe('你好');
  const scan = '<xml><MsgType>event</MsgType><Event>SCAN</Event><EventKey>shop-12</EventKey></xml>';
  expect(gistOf({ text: scan, event_key: 'shop-12' })).toBe('shop-12');
  expect(gistOf({ text: scan, event_key: 'qrscene_shop-12' })).toBe('shop-12');
});

it('tells an answer by its type and words', () => {
  expect(answerOf(text('hello'))).toEqual({ type: 'text', text: 'hello' });
  const news =
    '<xml><MsgType>news</MsgType><Articles><item><Title>First</Title></item><item><Title>Second</Title></item></Articles></xml>';
  expect(answerOf(news)).toEqual({ type: 'news', text: 'First' });
  expect(answerOf('{"MsgType":"transfer_customer_service"}')).toEqual({ type: 'transfer_customer_service', text: '' });
  expect(answerOf('plain words')).toEqual({ type: '', text: 'plain words' });
});

it('asks for messages by their type and for events by their name', () => {
  expect(queryOfKind(kindOf({ msg_type: 'event', event: 'SCAN' }))).toEqual({ event: 'SCAN' });
  expect(queryOfKind(kindOf({ msg_type: 'text', event: null }))).toEqual({ msg_type: 'text' });
  expect(queryOfKind('')).toEqual({});
});

it('knows where a forwarding stands', () => {
  const forward = { url: 'https://a.cn/', attempts: 1 };
  expect(standingOf({ ...forward, status: 204, due_at: null })).toBe('delivered');
  expect(standingOf({ ...forward, status: 500, due_at: '2026-11-20T10:00:00Z' })).toBe('waits');
  expect(standingOf({ ...forward, status: 500, due_at: null })).toBe('given_up');
  expect(standingOf({ ...forward, error: 'no answer' })).toBe('given_up');
});
