// Which chat a message belongs to, and what of it is unread.

import type { Account, Item, Membership, Person } from '../types';

/** The chat of WeChat's service notifications. */
export const SERVICE = 'service';

export interface Chat {
  /** An appid, or `SERVICE`. */
  id: string;
  /** Oldest first, as a chat shows them. */
  items: Item[];
  last: Item;
  unread: number;
}

/** Instant up to which each chat was read, by chat. */
export type ReadMarks = Record<string, number>;

export const instant = (item: Item): number => Date.parse(item.at);

export function membership(person: Person, appid: string): Membership | undefined {
  return person.accounts.find((one) => one.appid === appid);
}

/**
 * Subscribe messages of mini programs arrive as service notifications, and so do
 * notices and one-time messages to people who do not follow; all else arrives in the
 * account's own chat.
 */
export function chatOf(item: Item, person: Person): string {
  switch (item.kind) {
    case 'subscribe':
      return SERVICE;
    case 'notification':
    case 'one_time':
      return membership(person, item.appid)?.following ? item.appid : SERVICE;
    default:
      return item.appid;
  }
}

/** The chats of a phone, the one with the newest message first. */
export function chats(inbox: readonly Item[], person: Person, marks: ReadMarks): Chat[] {
  const found = new Map<string, Chat>();
  for (const item of inbox) {
    const id = chatOf(item, person);
    const chat = found.get(id) ?? { id, items: [], last: item, unread: 0 };
    chat.items.unshift(item);
    if (item.kind !== 'own' && instant(item) > (marks[id] ?? 0)) chat.unread += 1;
    found.set(id, chat);
  }
  return [...found.values()];
}

export function unreadTotal(all: readonly Chat[]): number {
  return all.reduce((sum, chat) => sum + chat.unread, 0);
}

/** A count as badges show it. */
export const badge = (count: number): string => (count > 99 ? '99+' : String(count));

export function nameOf(account: Account | undefined, appid: string): string {
  return account?.name || appid;
}

/** One line that says what an item is, for lists. */
export function snippet(item: Item, words: (kind: string) => string): string {
  const lines = item.lines.join(' ').replace(/\s+/g, ' ').trim();
  const type = item.content?.msgtype ?? item.kind;
  switch (type) {
    case 'text':
    case 'notice':
      return lines;
    case 'template':
    case 'subscribe':
    case 'notification':
    case 'one_time':
      return item.title || lines;
    case 'msgmenu':
      return lines;
    default:
      return [words(type), item.title].filter(Boolean).join(' ');
  }
}

/** Colour of an account's picture: the same one each time. */
export function hue(id: string): number {
  let sum = 0;
  for (const c of id) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 9973;
  // Neighbours in number shall not be neighbours in colour.
  return Math.round(sum * 137.508) % 360;
}
