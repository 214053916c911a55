// Lists of people from files: what they are, what their columns mean, and the people in them.

import type { Schema } from '../api/http';
import { CsvReader, separatorOf } from './csv';

export type Way = 'openid' | 'unionid' | 'user_id';
export type Person = Schema['BroadcastRecipient'];
export const WAYS: readonly Way[] = ['openid', 'unionid', 'user_id'];

/** How much of a file is read at a time. */
const PIECE = 1024 * 1024;
const HEAD = 256 * 1024;
/** As the gateway has it. */
const LONGEST_ID = 128;
const LARGEST_FIELDS = 16 * 1024;
/** People of one upload: some seconds of it, so that progress is seen. */
const PEOPLE_AT_ONCE = 5000;
const TOLD = 50;

export interface Shape {
  format: 'csv' | 'ndjson';
  /** As `TextDecoder` names it. */
  encoding: 'utf-8' | 'gb18030' | 'utf-16le';
  separator: string;
  /** Whether the first line names the columns. */
  header: boolean;
  columns: string[];
}

/** What a column becomes: how people are named by it, or a field of theirs; `''` = left out. */
export interface Mapping {
  way: Way;
  /** The column with the ids. */
  id: string;
  /** The names of the other columns' fields. */
  fields: Record<string, string>;
}

export type BadWhy = 'columns' | 'no_id' | 'bad_id' | 'json' | 'object' | 'quote' | 'too_large';
export interface BadRow {
  line: number;
  why: BadWhy;
}
export interface Row {
  line: number;
  /** By column. */
  values: Record<string, unknown>;
}
const isBad = (row: Row | BadRow): row is BadRow => 'why' in row;

/** A file that holds no list of people. */
export class NoList extends Error {
  constructor(readonly why: 'excel' | 'empty') {
    super(why);
  }
}

/** What a file is, by its beginning. */
export async function lookAt(file: Blob, name = ''): Promise<Shape> {
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  // Excel's own files are archives, or older than those.
  if ((head[0] === 0x50 && head[1] === 0x4b) || (head[0] === 0xd0 && head[1] === 0xcf)) throw new NoList('excel');
  const encoding = encodingOf(head, file.size > HEAD);
  const text = new TextDecoder(encoding).decode(head);
  if (!text.trim()) throw new NoList('empty');
  const isObjects = /\.(nd|)jsonl?$/i.test(name) || text.trimStart().startsWith('{');
  const shape: Shape = { format: isObjects ? 'ndjson' : 'csv', encoding, separator: ',', header: true, columns: [] };
  if (!isObjects) {
    shape.separator = separatorOf(text);
    shape.header = !startsWithAnId(text, shape.separator);
  }
  return withColumns(file, shape);
}

/** The shape with the columns there are when the first line is a header, or is none. */
export async function withColumns(file: Blob, shape: Shape): Promise<Shape> {
  const head = file.slice(0, HEAD);
  if (shape.format === 'ndjson') {
    const columns = new Set<string>();
    for await (const rows of rowsOf(head, shape)) {
      rows.filter((row) => !isBad(row)).forEach((row) => Object.keys((row as Row).values).forEach((one) => columns.add(one)));
    }
    return { ...shape, columns: [...columns] };
  }
  for await (const rows of csvRows(head, shape)) {
    const [first] = rows;
    if (first) return { ...shape, columns: columnsOf(first.cells, shape.header) };
  }
  return { ...shape, columns: [] };
}

/** The first people of a file, as far as they can be read. */
export async function firstRows(file: Blob, shape: Shape, count: number): Promise<Row[]> {
  const found: Row[] = [];
  for await (const rows of rowsOf(file, shape)) {
    found.push(...rows.filter((row): row is Row => !isBad(row)));
    if (found.length >= count) break;
  }
  return found.slice(0, count);
}

function encodingOf(head: Uint8Array, isCut: boolean): Shape['encoding'] {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  try {
    // A piece of a longer file may end within a character.
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: isCut });
    return 'utf-8';
  } catch {
    // As spreadsheets in Chinese save it.
    return 'gb18030';
  }
}

/** WeChat's ids are long and of one piece; names of columns are not. */
function startsWithAnId(text: string, separator: string): boolean {
  const first = text.trimStart().split(/[\r\n]/, 1)[0] ?? '';
  return first.split(separator).some((cell) => /^"?o[A-Za-z0-9_-]{20,}"?$/.test(cell.trim()));
}

/** Names of columns, none of them empty or there twice. */
export function columnsOf(cells: readonly string[], header: boolean): string[] {
  const names: string[] = [];
  cells.forEach((cell, place) => {
    const wanted = (header && cell.trim()) || `#${place + 1}`;
    let name = wanted;
    for (let number = 2; names.includes(name); number += 1) name = `${wanted} ${number}`;
    names.push(name);
  });
  return names;
}

/** What the columns mean, as far as their names and what is in them tell. */
export function guess(columns: readonly string[], rows: readonly Row[]): Mapping {
  const like = (column: string) => column.toLowerCase().replace(/[\s_-]/g, '');
  const named = WAYS.map((way) => ({ way, id: columns.find((one) => like(one) === like(way)) })).find((one) => one.id);
  const looksLikeOpenids = columns.find((one) => rows.length > 0 && rows.every((row) => /^o[A-Za-z0-9_-]{20,}$/.test(String(row.values[one] ?? '').trim())));
  const id = named?.id ?? looksLikeOpenids ?? columns[0] ?? '';
  const way = named?.way ?? (looksLikeOpenids || columns.length === 0 ? 'openid' : 'user_id');
  return {
    way,
    id,
    fields: Object.fromEntries(columns.map((one, place) => [one, isName(one) ? one : `field${place + 1}`])),
  };
}

/** Whether templates can name a field so. */
export const isName = (text: string) => /^[\p{XID_Start}_]\p{XID_Continue}*$/u.test(text);

/** The fields that templates may use. */
export function fieldsOf(mapping: Mapping): string[] {
  return [...Object.entries(mapping.fields).filter(([column, field]) => column !== mapping.id && field).map(([, field]) => field), mapping.way];
}

/** What is wrong with the names of the fields: by column. */
export function wrongNames(mapping: Mapping): Record<string, 'name' | 'twice'> {
  const wrong: Record<string, 'name' | 'twice'> = {};
  const seen = new Set<string>([mapping.way]);
  for (const [column, field] of Object.entries(mapping.fields)) {
    if (column === mapping.id || !field) continue;
    if (!isName(field)) wrong[column] = 'name';
    else if (seen.has(field)) wrong[column] = 'twice';
    seen.add(field);
  }
  return wrong;
}

/** A row as a person, or why it is none. */
export function personOf(row: Row, mapping: Mapping): Person | BadRow {
  const given = row.values[mapping.id];
  const id = typeof given === 'string' || typeof given === 'number' ? String(given).trim() : '';
  if (!id) return { line: row.line, why: 'no_id' };
  const broken = mapping.way === 'user_id' ? /\p{Cc}/u : /[\s\p{Cc}]/u;
  if (broken.test(id) || id.length > LONGEST_ID) return { line: row.line, why: 'bad_id' };
  const fields: Record<string, unknown> = {};
  for (const [column, field] of Object.entries(mapping.fields)) {
    if (column !== mapping.id && field && row.values[column] !== undefined) fields[field] = row.values[column];
  }
  if (bytesOf(JSON.stringify(fields)) > LARGEST_FIELDS) return { line: row.line, why: 'too_large' };
  // The description knows no types for fields: they are the file's own.
  return { [mapping.way]: id, fields: fields as Person['fields'] };
}

/** A character has three bytes at most, so short texts need not be counted. */
const bytesOf = (text: string) => (text.length * 3 <= LARGEST_FIELDS ? text.length : new TextEncoder().encode(text).length);

export interface Survey {
  people: number;
  bad: number;
  /** The first of the bad rows. */
  told: BadRow[];
}

/** Reads a whole file and tells what is in it. `onRead` hears how much of it was read, 0 to 1. */
export async function survey(file: Blob, shape: Shape, mapping: Mapping, onRead: (part: number) => void, signal: AbortSignal): Promise<Survey> {
  const found: Survey = { people: 0, bad: 0, told: [] };
  for await (const rows of rowsOf(file, shape, onRead)) {
    signal.throwIfAborted();
    for (const row of rows) {
      const person = isBad(row) ? row : personOf(row, mapping);
      if (!('why' in person)) found.people += 1;
      else if (found.bad++ < TOLD) found.told.push(person);
    }
  }
  return found;
}

/** The people of a file in pieces to upload; bad rows are left out. */
export async function* partsOf(file: Blob, shape: Shape, mapping: Mapping): AsyncGenerator<{ people: number; body: Blob }> {
  let lines: string[] = [];
  const part = () => {
    const body = new Blob([lines.join('')], { type: 'application/x-ndjson' });
    const people = lines.length;
    lines = [];
    return { people, body };
  };
  for await (const rows of rowsOf(file, shape)) {
    for (const row of rows) {
      const person = isBad(row) ? row : personOf(row, mapping);
      if ('why' in person) continue;
      lines.push(`${JSON.stringify(person)}\n`);
      if (lines.length === PEOPLE_AT_ONCE) yield part();
    }
  }
  if (lines.length > 0) yield part();
}

/** The rows of a file, some at a time; memory holds those alone. */
export async function* rowsOf(file: Blob, shape: Shape, onRead?: (part: number) => void): AsyncGenerator<(Row | BadRow)[]> {
  if (shape.format === 'ndjson') {
    yield* objectRows(file, shape, onRead);
    return;
  }
  let isHeader = shape.header;
  for await (const rows of csvRows(file, shape, onRead)) {
    yield rows.slice(isHeader && rows.length > 0 ? 1 : 0).map((row) => {
      if (row.broken) return { line: row.line, why: 'quote' };
      if (row.cells.length !== shape.columns.length) return { line: row.line, why: 'columns' };
      return { line: row.line, values: Object.fromEntries(shape.columns.map((column, place) => [column, row.cells[place] ?? ''])) };
    });
    if (rows.length > 0) isHeader = false;
  }
}

async function* csvRows(file: Blob, shape: Shape, onRead?: (part: number) => void) {
  const reader = new CsvReader(shape.separator);
  for await (const text of textOf(file, shape.encoding, onRead)) {
    yield reader.feed(text);
  }
  yield reader.end();
}

async function* objectRows(file: Blob, shape: Shape, onRead?: (part: number) => void): AsyncGenerator<(Row | BadRow)[]> {
  let rest = '';
  let line = 0;
  const read = (lines: string[]) =>
    lines.flatMap((text) => {
      line += 1;
      return text.trim() ? [objectRow(text, line)] : [];
    });
  for await (const text of textOf(file, shape.encoding, onRead)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    yield read(lines);
  }
  yield read([rest]);
}

/** An object's own entries, and those of its `fields`, where it is written as the gateway takes it. */
function objectRow(text: string, line: number): Row | BadRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { line, why: 'json' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { line, why: 'object' };
  const { fields, ...own } = value as Record<string, unknown>;
  const isNested = typeof fields === 'object' && fields !== null && !Array.isArray(fields);
  return { line, values: isNested ? { ...own, ...fields } : (value as Record<string, unknown>) };
}

async function* textOf(file: Blob, encoding: Shape['encoding'], onRead?: (part: number) => void) {
  const decoder = new TextDecoder(encoding);
  for (let at = 0; at < file.size; at += PIECE) {
    const bytes = await file.slice(at, at + PIECE).arrayBuffer();
    yield decoder.decode(bytes, { stream: true });
    onRead?.(Math.min(1, (at + PIECE) / file.size));
  }
  yield decoder.decode();
}
