import { describe, expect, it } from 'vitest';
import { fits, formDiff, namesByKey, namesOf, sampleLines, toggled, type Template } from '../src/logic/template';

const template = {
  template_id: 'Tpl-1',
  title: '发货通知',
  content: '商品：{{thing1.DATA}}\n状态：{{enum2.DATA}}\n\n',
  example: '',
  fields: [
    { key: 'thing1', label: '商品', type: 'thing', name: 'goods' },
    { key: 'enum2', label: '状态', type: 'enum', allowed: ['已发货', '已签收'] },
  ],
} as Template;

describe('a filled card', () => {
  it('has a sample in each slot, of those allowed where they are listed', () => {
    expect(sampleLines(template).slice(0, 2)).toEqual(['商品：一支毛笔', '状态：已发货']);
  });

  it('is WeChat’s own example where there is one', () => {
    expect(sampleLines({ ...template, example: '商品：一本书\n状态：已签收' })).toEqual(['商品：一本书', '状态：已签收']);
  });
});

it('finds templates by title, id, label, key and own name', () => {
  for (const text of ['发货', 'tpl-1', '状态', 'THING', 'goods', '']) expect(fits(template, text), text).toBe(true);
  expect(fits(template, '退款')).toBe(false);
});

describe('the difference of two forms', () => {
  it('keeps what stayed and shows what came beside what went', () => {
    expect(formDiff('a\nb\nc\n', 'a\nB\nc\nd\n')).toEqual([
      { what: 'same', text: 'a' },
      { what: 'gone', text: 'b' },
      { what: 'new', text: 'B' },
      { what: 'same', text: 'c' },
      { what: 'new', text: 'd' },
    ]);
  });

  it('is all new or all gone beside nothing', () => {
    expect(formDiff('', 'a').map((one) => one.what)).toEqual(['new']);
    expect(formDiff('a\nb', '').map((one) => one.what)).toEqual(['gone', 'gone']);
  });
});

describe('own names', () => {
  it('go to a form and back', () => {
    const names = { goods: 'thing1' };
    const form = namesByKey(template.fields, names);
    expect(form).toEqual({ thing1: 'goods', enum2: '' });
    expect(namesOf(form)).toEqual(names);
  });

  it('leave out keys the template has no longer', () => {
    expect(namesOf(namesByKey(template.fields, { old: 'time9' }))).toEqual({});
  });

  it('are refused where one stands for two keys', () => {
    expect(namesOf({ thing1: 'x', enum2: ' x ' })).toBeNull();
  });
});

it('keeps keywords in the order they were chosen', () => {
  expect(toggled(toggled(toggled<number>([], 3), 1), 2)).toEqual([3, 1, 2]);
  expect(toggled([3, 1, 2], 1)).toEqual([3, 2]);
});
