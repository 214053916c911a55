import { describe, expect, it } from 'vitest';
import { CsvReader, separatorOf } from '../src/logic/csv';
import { fieldsOf, firstRows, guess, isName, lookAt, NoList, partsOf, personOf, survey, withColumns, wrongNames, type Mapping } from '../src/logic/people';

const OPENID = 'oP4uB6jKx0QmTzR3yVdWc9LnEaSs';

function read(text: string, size: number, separator = ',') {
  const reader = new CsvReader(separator);
  const rows = [];
  for (let at = 0; at < text.length; at += size) rows.push(...reader.feed(text.slice(at, at + size)));
  return [...rows, ...reader.end()];
}

describe('separated values', () => {
  it('are read however they are cut', () => {
    const text = 'openid,name\r\no1,"a, ""b""\r\nc"\r\n\r\no2,\n"",x y"z\ro3,"q"';
    const wanted = [
      { line: 1, cells: ['openid', 'name'] },
      { line: 2, cells: ['o1', 'a, "b"\r\nc'] },
      { line: 5, cells: ['o2', ''] },
      { line: 6, cells: ['', 'x y"z'] },
      { line: 7, cells: ['o3', 'q'] },
    ];
    for (const size of [1, 2, 3, 7, 1000]) expect(read(text, size)).toEqual(wanted);
  });

  it('say where a quotation mark is never closed', () => {
    expect(read('a,b\n1,"x\n2,y\n', 4)).toEqual([
      { line: 1, cells: ['a', 'b'] },
      { line: 2, cells: [], broken: true },
    ]);
    expect(read(`a\n"${'x'.repeat(100_000)}`, 10_000).at(-1)).toEqual({ line: 2, cells: [], broken: true });
  });

  it('may be separated by semicolons and tabs', () => {
    expect(separatorOf('a;b;"c,d,e,f"\n1,2,3,4')).toBe(';');
    expect(separatorOf('a\tb')).toBe('\t');
    expect(separatorOf('one column')).toBe(',');
  });
});

describe('a file of people', () => {
  const shapeOf = async (text: BlobPart, name = 'people.csv') => {
    const file = new Blob([text]);
    return { file, shape: await lookAt(file, name) };
  };
  const uploaded = async (file: Blob, shape: Awaited<ReturnType<typeof lookAt>>, mapping: Mapping) => {
    let text = '';
    for await (const part of partsOf(file, shape, mapping)) text += await part.body.text();
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as unknown);
  };

  it('tells its columns, and which of them names people', async () => {
    const { file, shape } = await shapeOf('﻿User ID;姓名;Home town;\r\n42;张三;杭州;\r\n');
    expect(shape).toMatchObject({ encoding: 'utf-8', separator: ';', header: true, columns: ['User ID', '姓名', 'Home town', '#4'] });
    const mapping = guess(shape.columns, await firstRows(file, shape, 10));
    expect(mapping).toMatchObject({ way: 'user_id', id: 'User ID' });
    expect(fieldsOf(mapping)).toEqual(['姓名', 'field3', 'field4', 'user_id']);
    mapping.fields['#4'] = '';
    expect(await uploaded(file, shape, mapping)).toEqual([{ user_id: '42', fields: { 姓名: '张三', field3: '杭州' } }]);
  });

  it('may be saved by a spreadsheet in Chinese, or as Unicode text', async () => {
    const gbk = new Uint8Array([...new TextEncoder().encode('openid,name\no1,'), 0xd5, 0xc5, 0xc8, 0xfd]);
    const { file, shape } = await shapeOf(gbk);
    expect(shape.encoding).toBe('gb18030');
    expect((await firstRows(file, shape, 1))[0]?.values).toEqual({ openid: 'o1', name: '张三' });
    const wide = new Uint8Array([0xff, 0xfe, ...[...'openid\tname\no1\t三'].flatMap((one) => [one.charCodeAt(0) & 255, one.charCodeAt(0) >> 8])]);
    const other = await shapeOf(wide);
    expect((await firstRows(other.file, other.shape, 1))[0]?.values).toEqual({ openid: 'o1', name: '三' });
  });

  it('may be a mere list of openids', async () => {
    const { file, shape } = await shapeOf(`${OPENID}\n${OPENID}x\n`, '');
    expect(shape).toMatchObject({ header: false, columns: ['#1'] });
    const mapping = guess(shape.columns, await firstRows(file, shape, 10));
    expect(await uploaded(file, shape, mapping)).toEqual([
      { openid: OPENID, fields: {} },
      { openid: `${OPENID}x`, fields: {} },
    ]);
    expect((await withColumns(file, { ...shape, header: true })).columns).toEqual([OPENID]);
  });

  it('may have an object a line, as the gateway takes it or flat', async () => {
    const { file, shape } = await shapeOf('{"user_id": "1", "fields": {"name": "a", "n": 2}}\n\n{"user_id": 2, "name": "b"}\n', 'people.ndjson');
    const mapping = guess(shape.columns, await firstRows(file, shape, 10));
    expect(await uploaded(file, shape, mapping)).toEqual([
      { user_id: '1', fields: { name: 'a', n: 2 } },
      { user_id: '2', fields: { name: 'b' } },
    ]);
  });

  it('that is Excel’s own, or empty, is none', async () => {
    await expect(shapeOf(new Uint8Array([0x50, 0x4b, 3, 4]))).rejects.toEqual(new NoList('excel'));
    await expect(shapeOf(' \n')).rejects.toEqual(new NoList('empty'));
  });

  it('is read to its end, with every line that names nobody', async () => {
    const rows = Array.from({ length: 12_000 }, (_, number) => `${number},x`);
    const { file, shape } = await shapeOf(`user_id,name\n${rows.join('\n')}\n,nobody\n7\n"a\tb",c\n`);
    const mapping = guess(shape.columns, []);
    const parts: number[] = [];
    for await (const part of partsOf(file, shape, mapping)) parts.push(part.people);
    expect(parts).toEqual([5000, 5000, 2000]);
    let read = 0;
    const found = await survey(file, shape, mapping, (part) => (read = part), new AbortController().signal);
    expect(read).toBe(1);
    expect(found).toEqual({
      people: 12_000,
      bad: 3,
      told: [
        { line: 12_002, why: 'no_id' },
        { line: 12_003, why: 'columns' },
        { line: 12_004, why: 'bad_id' },
      ],
    });
  });

  it('can be left alone while it is read', async () => {
    const { file, shape } = await shapeOf('openid\no1\n');
    const stop = new AbortController();
    stop.abort();
    await expect(survey(file, shape, guess(shape.columns, []), () => undefined, stop.signal)).rejects.toThrow();
  });
});

describe('fields', () => {
  it('have names that templates can say, each once', () => {
    expect(['name', '_a1', '姓名'].every(isName)).toBe(true);
    expect(['', '1st', 'home town', 'a-b'].some(isName)).toBe(false);
    const mapping: Mapping = { way: 'openid', id: 'a', fields: { a: 'b c', b: 'home town', c: 'x', d: 'x', e: '', f: '', g: 'openid' } };
    expect(wrongNames(mapping)).toEqual({ b: 'name', d: 'twice', g: 'twice' });
  });

  it('of one person have a limit, in bytes', () => {
    const mapping: Mapping = { way: 'openid', id: 'a', fields: { b: 'b' } };
    const row = (text: string) => personOf({ line: 3, values: { a: 'o1', b: text } }, mapping);
    expect(row('字'.repeat(5000))).toMatchObject({ openid: 'o1' });
    expect(row('字'.repeat(6000))).toEqual({ line: 3, why: 'too_large' });
  });
});
