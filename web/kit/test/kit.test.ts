import { afterEach, describe, expect, it, vi } from 'vitest';
import { mount } from '@vue/test-utils';
import { MessageCard, cardLine, cardLines, coalesce, fill, makeI18n, nextTheme, openStream, preferredLang } from '../src';

describe('lines of a card', () => {
  it('splits label and value at the first colon', () => {
    expect(cardLine('门店名称：朝阳店')).toEqual({ label: '门店名称', value: '朝阳店' });
    expect(cardLine('Order: 12: 3')).toEqual({ label: 'Order', value: '12: 3' });
  });
  it('leaves times, addresses and sentences whole', () => {
    expect(cardLine('12:30')).toEqual({ label: '', value: '12:30' });
    expect(cardLine('https://a.example')).toEqual({ label: '', value: 'https://a.example' });
    const sentence = '这是一句很长很长很长很长的话：后面';
    expect(cardLine(sentence)).toEqual({ label: '', value: sentence });
  });
  it('leaves empty lines at the ends out and keeps those between', () => {
    expect(cardLines(['', '一：1', '', '二：2\n'])).toEqual([
      { label: '一', value: '1' },
      { label: '', value: '' },
      { label: '二', value: '2' },
    ]);
  });
  it('shows markup as text, and a foot only where there is something to open', async () => {
    const props = { title: '<b>通知</b>', lines: ['值：<i>x</i>'] };
    const card = mount(MessageCard, { props });
    expect(card.find('h3').text()).toBe('<b>通知</b>');
    expect(card.find('dd').text()).toBe('<i>x</i>');
    expect(card.find('button').exists()).toBe(false);
    await card.setProps({ action: '详情' });
    await card.find('button').trigger('click');
    expect(card.emitted('open')).toHaveLength(1);
  });
});

describe('languages', () => {
  it('chooses Chinese where the browser asks for it first', () => {
    expect(preferredLang(['zh-TW', 'en'])).toBe('zh');
    expect(preferredLang(['en-GB', 'zh-CN'])).toBe('en');
    expect(preferredLang([])).toBe('en');
  });
  it('puts parameters in and leaves unknown ones visible', () => {
    expect(fill('{n} of {all}', { n: 0 })).toBe('0 of {all}');
  });
  it('switches, tells the page, and remembers', () => {
    const words = { zh: { a: '甲' }, en: { a: 'A' } };
    const i18n = makeI18n(words, 'test.lang');
    const before = i18n.lang.value;
    i18n.toggle();
    expect(i18n.lang.value).not.toBe(before);
    expect(localStorage.getItem('test.lang')).toBe(i18n.lang.value);
    expect(i18n.t('a')).toBe(words[i18n.lang.value].a);
    expect(makeI18n(words, 'test.lang').lang.value).toBe(i18n.lang.value);
  });
  it('walks through the themes', () => {
    expect([nextTheme('auto'), nextTheme('light'), nextTheme('dark')]).toEqual(['light', 'dark', 'auto']);
  });
});

describe('live updates', () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('makes many calls few', async () => {
    vi.useFakeTimers();
    const run = vi.fn(async () => {});
    const ask = coalesce(run, 100);
    for (let i = 0; i < 50; i++) ask();
    await vi.advanceTimersByTimeAsync(0);
    expect(run).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(run).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(1000);
    expect(run).toHaveBeenCalledTimes(2);
    ask();
    await vi.advanceTimersByTimeAsync(0);
    expect(run).toHaveBeenCalledTimes(3);
  });

  it('opens anew behind the last event where the browser gave up', () => {
    vi.useFakeTimers();
    const made: FakeSource[] = [];
    class FakeSource {
      static readonly CLOSED = 2;
      readyState = 1;
      onopen = () => {};
      onerror = () => {};
      listeners: Record<string, (event: unknown) => void> = {};
      constructor(readonly url: string) {
        made.push(this);
      }
      addEventListener(name: string, listener: (event: unknown) => void) {
        this.listeners[name] = listener;
      }
      close() {
        this.readyState = 2;
      }
    }
    vi.stubGlobal('EventSource', FakeSource);
    const seen: unknown[] = [];
    const lost = vi.fn();
    const end = openStream((last) => `/e?${last}`, { message: (data) => seen.push(data) }, { onOpen: () => {}, onLost: lost });
    made[0]?.listeners.message?.({ data: '{"a":1}', lastEventId: 'x-7' });
    expect(seen).toEqual([{ a: 1 }]);
    made[0]?.onerror();
    vi.advanceTimersByTime(10_000);
    expect(made).toHaveLength(1);
    made[0]?.close();
    made[0]?.onerror();
    vi.advanceTimersByTime(10_000);
    expect(made.map((one) => one.url)).toEqual(['/e?null', '/e?x-7']);
    expect(lost).toHaveBeenCalledTimes(2);
    end();
    made[1]?.onerror();
    vi.advanceTimersByTime(10_000);
    expect(made).toHaveLength(2);
  });
});
