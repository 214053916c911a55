import { describe, expect, it } from 'vitest';
import {
  answersOf,
  bytesOf,
  freeName,
  matchOf,
  moved,
  readRules,
  textMatch,
  tidy,
  triggerOf,
  TRIGGERS,
  variablesOf,
  whenOf,
  wrongWithin,
  type Rule,
  type When,
} from '../src/logic/rules';

describe('what a rule waits for', () => {
  it('is known by its condition, whatever the case of the event', () => {
    expect(triggerOf({})).toBe('anything');
    expect(triggerOf({ text: { contains: ['a'] }, msg_type: 'text' })).toBe('text');
    expect(triggerOf({ event: 'SUBSCRIBE', key: '12' })).toBe('follow');
    expect(triggerOf({ event: 'click' })).toBe('click');
    expect(triggerOf({ event: 'VIEW' })).toBe('event');
    expect(triggerOf({ msg_type: 'image' })).toBe('message');
  });

  it('is left in its own words where the form cannot say it', () => {
    const odd: When[] = [{ text: { exact: 'a' }, event: 'x' }, { key: 'x' }, { msg_type: 'text', event: 'x' }, { text: { exact: 'a' }, msg_type: 'voice' }];
    for (const when of odd) {
      expect(triggerOf(when)).toBe('other');
      expect(whenOf('other', when)).toEqual(when);
    }
  });

  it('keeps its hours when it changes, and nothing else of the former', () => {
    const between = { from: '22:00', until: '08:00' };
    expect(whenOf('scan', { text: { exact: 'a' }, between })).toEqual({ event: 'SCAN', between });
    for (const trigger of TRIGGERS.filter((one) => one !== 'other' && one !== 'event')) {
      expect(triggerOf(whenOf(trigger, {}))).toBe(trigger);
    }
  });
});

it('writes texts to compare with as lines, and regular expressions as they are', () => {
  expect(matchOf({ contains: 'one' })).toEqual({ how: 'contains', lines: 'one' });
  expect(matchOf({ exact: ['a', 'b'] })).toEqual({ how: 'exact', lines: 'a\nb' });
  expect(textMatch('contains', 'agent\n\n人工\n')).toEqual({ contains: ['agent', '人工'] });
  expect(textMatch('regex', '^a\nb$')).toEqual({ regex: '^a\nb$' });
});

it('offers the groups of a regular expression as variables', () => {
  expect(variablesOf({})).not.toContain('1');
  expect(variablesOf({ text: { regex: String.raw`^order\s+(?<no>\d+)\((?:x)(y)` } }).slice(6)).toEqual(['no', '2']);
});

it('lets mini programs answer only with what WeChat takes', () => {
  expect(answersOf('mini_program')).toEqual(['transfer_customer_service', 'nothing']);
});

it('counts bytes as WeChat does', () => {
  expect(bytesOf('鸿雁ab')).toBe(8);
});

it('moves a rule, and not out of the list', () => {
  expect(moved(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
  expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b']);
  expect(moved(['a', 'b'], 0, 2)).toEqual(['a', 'b']);
  expect(moved(['a', 'b'], 0, -1)).toEqual(['a', 'b']);
});

it('finds a name that is free', () => {
  const rules = [{ name: 'rule' }, { name: 'rule 2' }] as Rule[];
  expect(freeName('rule', rules)).toBe('rule 3');
  expect(freeName('new', rules)).toBe('new');
});

it('leaves out optional texts that are empty, and no others', () => {
  expect(tidy({ rules: [{ name: '', when: { event: 'SCAN', key: '' }, reply: { type: 'video', media_id: '', title: '' } }], default: null })).toEqual({
    rules: [{ name: '', when: { event: 'SCAN' }, reply: { type: 'video', media_id: '' } }],
  });
});

it('reads rules, and refuses what is none', () => {
  expect(readRules('{}')).toEqual({ rules: [] });
  const text = '{"rules":[{"name":"a","reply":{"type":"nothing"}}],"default":{"type":"text","content":"?"}}';
  expect(readRules(text)).toEqual(JSON.parse(text));
  for (const wrong of ['[]', '{"rules":{}}', '{"rules":[{"name":"a"}]}', '{"rules":[{"name":1,"reply":{"type":"nothing"}}]}', '{"default":{"type":"shout"}}', '{"default":{"type":"news"}}']) {
    expect(readRules(wrong), wrong).toBeNull();
  }
  expect(() => readRules('{')).toThrow();
});

it('finds what is wrong with one rule, and not with the tenth', () => {
  const said = { rule: 'empty', message: 'm', message_zh: 'm' };
  const all = [{ pointer: '/rules/1/reply/content', ...said }, { pointer: '/rules/10/name', ...said }, { pointer: '/default', ...said }];
  expect(wrongWithin(all, '/rules/1')).toEqual([{ pointer: '/reply/content', ...said }]);
  expect(wrongWithin(all, '/default')).toEqual([{ pointer: '', ...said }]);
});
