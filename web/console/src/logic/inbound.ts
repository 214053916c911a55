// What WeChat told an account, as people read it.

import type { Schema } from '../api/http';

export type Callback = Schema['Callback'];

/** A field of a callback or of its answer: with a text, or with fields of its own. */
export interface Field {
  name: string;
  text: string;
  fields: Field[];
}

/** What the callbacks of an official account and of a mini program are about, the usual first. */
export const MESSAGES = ['text', 'image', 'voice', 'video', 'shortvideo', 'location', 'link', 'miniprogrampage'] as const;
export const EVENTS = [
  'subscribe',
  'unsubscribe',
  'SCAN',
  'CLICK',
  'VIEW',
  'view_miniprogram',
  'LOCATION',
  'TEMPLATESENDJOBFINISH',
  'subscribe_msg_popup_event',
  'subscribe_msg_change_event',
  'subscribe_msg_sent_event',
  'user_enter_tempsession',
] as const;

/** A message or an event, in one text for a control: `text`, `event:SCAN`. */
export function kindOf(callback: Pick<Callback, 'msg_type' | 'event'>): string {
  return callback.event ? `event:${callback.event}` : callback.msg_type;
}

/** What a search for such a text asks. */
export function queryOfKind(kind: string): { msg_type?: string; event?: string } {
  if (kind === '') return {};
  return kind.startsWith('event:') ? { event: kind.slice('event:'.length) } : { msg_type: kind };
}

/** The fields of an XML or JSON text, in its order; `null` = it is neither. */
export function readFields(text: string): Field[] | null {
  return text.trimStart().startsWith('<') ? fromXml(text) : fromJson(text);
}

// CDATA; a declaration or a comment; a tag: closing, its name, empty; text.
const PARTS = /<!\[CDATA\[([\s\S]*?)\]\]>|<[?!][^>]*>|<(\/?)([\w.:-]+)[^<>]*?(\/?)>|([^<]+)/y;
const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const unescaped = (text: string) => text.replace(/&(\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole);

/** WeChat's XML has elements, texts and CDATA, and nothing else. */
function fromXml(text: string): Field[] | null {
  const root: Field = { name: '', text: '', fields: [] };
  const open = [root];
  let at = 0;
  while (at < text.length) {
    PARTS.lastIndex = at;
    const found = PARTS.exec(text);
    const here = open.at(-1);
    if (!found || !here) return null;
    at = PARTS.lastIndex;
    const [, data, closing, name, empty, plain] = found;
    here.text += data ?? unescaped(plain ?? '');
    if (name === undefined) continue;
    if (closing) {
      if (here.name !== name) return null;
      // What stands between elements is only their layout.
      here.text = here.fields.length > 0 ? '' : here.text.trim();
      open.pop();
    } else {
      const field: Field = { name, text: '', fields: [] };
      here.fields.push(field);
      if (!empty) open.push(field);
    }
  }
  return open.length === 1 ? (root.fields[0]?.fields ?? null) : null;
}

function fromJson(text: string): Field[] | null {
  const read = (value: object): Field[] =>
    Object.entries(value).map(([name, inner]) =>
      typeof inner === 'object' && inner !== null
        ? { name, text: '', fields: read(inner as object) }
        : { name, text: String(inner ?? ''), fields: [] },
    );
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? read(value) : null;
  } catch {
    return null;
  }
}

/** The text of a field by its path; empty = there is none. */
export function textAt(fields: readonly Field[], ...path: string[]): string {
  let found: Field | undefined;
  let inside = fields;
  for (const name of path) {
    found = inside.find((one) => one.name === name);
    inside = found?.fields ?? [];
  }
  return found?.text ?? '';
}

/** The fields one behind the other, those inside others with the way to them. */
export function flat(fields: readonly Field[], before = ''): { name: string; text: string }[] {
  return fields.flatMap((field) => {
    const name = before + field.name;
    return field.fields.length > 0 ? flat(field.fields, `${name} › `) : [{ name, text: field.text }];
  });
}

/** Fields that say in one line what a callback is about, the best first. */
const TELLING = ['Content', 'Recognition', 'Title', 'Label', 'Status', 'PagePath', 'SessionFrom', 'PicUrl', 'MediaId', 'MsgID'];

/** What a callback says, in one line. */
export function gistOf(callback: Pick<Callback, 'text' | 'event_key'>): string {
  const fields = readFields(callback.text) ?? [];
  const told = TELLING.map((name) => textAt(fields, name)).find(Boolean);
  return told ?? (callback.event_key ?? '').replace(/^qrscene_/, '');
}

/** What was answered: the type of the answer, and its words if it has some. */
export function answerOf(reply: string): { type: string; text: string } {
  const fields = readFields(reply);
  // Backends may answer with anything.
  if (!fields) return { type: '', text: reply };
  const type = textAt(fields, 'MsgType');
  const title = textAt(fields, 'Articles', 'item', 'Title') || textAt(fields, 'Video', 'Title') || textAt(fields, 'Music', 'Title');
  return { type, text: textAt(fields, 'Content') || title };
}

export type Standing = 'delivered' | 'waits' | 'given_up';

/** Where a forwarding stands. */
export function standingOf(forward: Schema['Forward']): Standing {
  if (forward.due_at) return 'waits';
  return forward.status && forward.status < 300 ? 'delivered' : 'given_up';
}
