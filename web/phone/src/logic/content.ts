// What a message holds, read from the notation of `custom/send`.

import type { Item } from '../types';

export interface Article {
  title: string;
  description: string;
  url: string;
  picture: string;
}

export type Body =
  | { shape: 'card' }
  | { shape: 'text'; text: string }
  | { shape: 'news'; articles: Article[] }
  | { shape: 'image'; url: string | null }
  | { shape: 'voice'; recognition: string }
  | { shape: 'video'; title: string; description: string }
  | { shape: 'music'; title: string; description: string; url: string }
  | { shape: 'link'; title: string; description: string; url: string; picture: string }
  | { shape: 'place'; label: string; latitude: string; longitude: string }
  | { shape: 'menu'; head: string; items: { id: string; content: string }[]; tail: string }
  | { shape: 'mini'; appid: string; title: string; path: string }
  | { shape: 'notice'; text: string }
  | { shape: 'other'; type: string };

type Raw = Record<string, unknown>;

const text = (from: Raw, name: string): string => {
  const value = from[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
};
const list = (value: unknown): Raw[] =>
  Array.isArray(value) ? value.filter((one): one is Raw => typeof one === 'object' && one !== null) : [];

const CARDS = new Set(['template', 'subscribe', 'notification', 'one_time']);

/** The media of the sandbox can be looked at where it keeps them. */
export function pictureAddress(url: string): string | null {
  return /^(https?:|data:image\/|\/)/.test(url) ? url : null;
}

/** Where the sandbox keeps a medium that somebody uploaded. */
function mediumAddress(own: Raw): string | null {
  const id = text(own, 'media_id');
  return id ? `/sandbox/v1/media/${encodeURIComponent(id)}` : null;
}

export function body(item: Item): Body {
  if (CARDS.has(item.kind)) return { shape: 'card' };
  if (item.kind === 'notice') return { shape: 'notice', text: item.lines.join('\n') };
  const type = item.content?.msgtype ?? 'text';
  const own = (item.content?.[type] ?? {}) as Raw;
  switch (type) {
    case 'text':
      return { shape: 'text', text: text(own, 'content') || item.lines.join('\n') };
    case 'news':
    case 'mpnews':
      return {
        shape: 'news',
        articles: list(own.articles).map((one) => ({
          title: text(one, 'title'),
          description: text(one, 'description'),
          url: text(one, 'url'),
          picture: text(one, 'picurl'),
        })),
      };
    case 'image':
      return { shape: 'image', url: pictureAddress(text(own, 'pic_url')) ?? mediumAddress(own) };
    case 'voice':
      return { shape: 'voice', recognition: text(own, 'recognition') };
    case 'video':
      return { shape: 'video', title: text(own, 'title'), description: text(own, 'description') };
    case 'music':
      return {
        shape: 'music',
        title: text(own, 'title'),
        description: text(own, 'description'),
        url: text(own, 'musicurl'),
      };
    case 'link':
      return {
        shape: 'link',
        title: text(own, 'title'),
        description: text(own, 'description'),
        url: text(own, 'url'),
        picture: text(own, 'thumb_url'),
      };
    case 'location':
      return {
        shape: 'place',
        label: text(own, 'label'),
        latitude: text(own, 'latitude'),
        longitude: text(own, 'longitude'),
      };
    case 'msgmenu':
      return {
        shape: 'menu',
        head: text(own, 'head_content'),
        items: list(own.list).map((one) => ({ id: text(one, 'id'), content: text(one, 'content') })),
        tail: text(own, 'tail_content'),
      };
    case 'miniprogrampage':
      return {
        shape: 'mini',
        appid: text(own, 'appid'),
        title: text(own, 'title'),
        path: text(own, 'pagepath'),
      };
    default:
      return { shape: 'other', type };
  }
}

export type Piece = { text: string } | { text: string; url: string } | { text: string; mini: string; path: string };

/** A link as WeChat allows it: to a page, or to a mini program with a page for old phones. */
function link(attributes: string, text: string): Piece {
  const value = (name: string) => new RegExp(`${name}=["']?([^"'\\s]+)`, 'i').exec(attributes)?.[1] ?? '';
  const mini = value('data-miniprogram-appid');
  if (mini) return { text, mini, path: value('data-miniprogram-path') };
  const url = value('href');
  return /^https?:/i.test(url) ? { text, url } : { text };
}

/** A text with the links in it apart: `<a>`, and addresses. */
export function pieces(whole: string): Piece[] {
  const found: Piece[] = [];
  const pattern = /<a\s([^>]*)>(.*?)<\/a>|(https?:\/\/[^\s<>"'，。；）]+)/gis;
  let at = 0;
  for (const match of whole.matchAll(pattern)) {
    if (match.index > at) found.push({ text: whole.slice(at, match.index) });
    const [, attributes, text, address] = match;
    found.push(address === undefined ? link(attributes ?? '', text ?? '') : { text: address, url: address });
    at = match.index + match[0].length;
  }
  if (at < whole.length) found.push({ text: whole.slice(at) });
  return found;
}

/** Where a tap on a card leads: the mini program wins over the page. */
export function target(item: Item): { mini: string; path: string } | { url: string } | null {
  const mini = item.miniprogram;
  if (mini?.appid) return { mini: mini.appid, path: mini.pagepath ?? mini.path ?? '' };
  if (item.kind === 'subscribe') return item.url ? { mini: item.appid, path: item.url } : null;
  return item.url ? { url: item.url } : null;
}
