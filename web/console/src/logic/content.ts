// The bodies of customer-service messages, as forms have them.

import type { Schema } from '../api/http';

export type MediaKind = Schema['MediaKind'];
export type Msgtype =
  | 'text'
  | 'image'
  | 'voice'
  | 'video'
  | 'music'
  | 'news'
  | 'mpnews'
  | 'mpnewsarticle'
  | 'msgmenu'
  | 'wxcard'
  | 'miniprogrampage'
  | 'link';

/** One thing of a body: WeChat's name for it, and how it is asked for. */
export interface Part {
  name: string;
  /** A file of the account that WeChat takes for this. */
  media?: MediaKind;
  /** Several lines. */
  long?: boolean;
  optional?: boolean;
}

interface Shape {
  official: boolean;
  mini: boolean;
  parts: readonly Part[];
}

const BOTH = { official: true, mini: true };
const OFFICIAL = { official: true, mini: false };

const SHAPES: Record<Msgtype, Shape> = {
  text: { ...BOTH, parts: [{ name: 'content', long: true }] },
  news: {
    ...OFFICIAL,
    parts: [{ name: 'title' }, { name: 'description', optional: true }, { name: 'url' }, { name: 'picurl', optional: true }],
  },
  miniprogrampage: {
    ...BOTH,
    parts: [{ name: 'title' }, { name: 'appid' }, { name: 'pagepath' }, { name: 'thumb_media_id', media: 'image' }],
  },
  msgmenu: { ...OFFICIAL, parts: [{ name: 'head_content', optional: true }, { name: 'choices', long: true }, { name: 'tail_content', optional: true }] },
  image: { ...BOTH, parts: [{ name: 'media_id', media: 'image' }] },
  voice: { ...OFFICIAL, parts: [{ name: 'media_id', media: 'voice' }] },
  video: {
    ...OFFICIAL,
    parts: [
      { name: 'media_id', media: 'video' },
      { name: 'thumb_media_id', media: 'thumb' },
      { name: 'title', optional: true },
      { name: 'description', optional: true },
    ],
  },
  music: {
    ...OFFICIAL,
    parts: [
      { name: 'title' },
      { name: 'description' },
      { name: 'musicurl' },
      { name: 'hqmusicurl', optional: true },
      { name: 'thumb_media_id', media: 'thumb' },
    ],
  },
  link: { official: false, mini: true, parts: [{ name: 'title' }, { name: 'description' }, { name: 'url' }, { name: 'thumb_url' }] },
  mpnewsarticle: { ...OFFICIAL, parts: [{ name: 'article_id' }] },
  mpnews: { ...OFFICIAL, parts: [{ name: 'media_id' }] },
  wxcard: { ...OFFICIAL, parts: [{ name: 'card_id' }] },
};

/** Longest text, in bytes of UTF-8. */
export const LONGEST_TEXT = 2048;

/** What an account may send, the usual first. */
export function msgtypesOf(account: Schema['AccountKind']): Msgtype[] {
  const may = account === 'mini_program' ? 'mini' : 'official';
  return (Object.keys(SHAPES) as Msgtype[]).filter((one) => SHAPES[one][may]);
}

/** What is asked for; a mini program opens itself alone. */
export function partsOf(msgtype: Msgtype, account: Schema['AccountKind']): Part[] {
  return SHAPES[msgtype].parts.filter((part) => !(part.name === 'appid' && account === 'mini_program'));
}

/** Where the API says what is wrong with a part. */
export function pointersOf(msgtype: Msgtype, name: string): string[] {
  if (msgtype === 'news') return [`/content/news/articles/0/${name}`];
  if (name === 'choices') return ['/content/msgmenu/list'];
  return [`/content/${msgtype}/${name}`];
}

/** WeChat's body of what was filled in: what is left empty and may be is left out. */
export function contentOf(msgtype: Msgtype, values: Record<string, string>, account: Schema['AccountKind']): Record<string, unknown> {
  const own: Record<string, unknown> = {};
  for (const part of partsOf(msgtype, account)) {
    const value = values[part.name] ?? '';
    if (part.optional && !value.trim()) continue;
    if (part.name === 'choices') {
      const lines = value.split('\n').map((line) => line.trim());
      own.list = lines.filter(Boolean).map((content, index) => ({ id: String(index + 1), content }));
    } else {
      own[part.name] = part.long ? value : value.trim();
    }
  }
  return { msgtype, [msgtype]: msgtype === 'news' ? { articles: [own] } : own };
}

/** The first words of a body, to know a message again by. */
export function gistOf(content: unknown): string {
  const body = (content ?? {}) as Record<string, unknown>;
  const own = (body[String(body.msgtype)] ?? {}) as Record<string, unknown>;
  const article = Array.isArray(own.articles) ? (own.articles[0] as Record<string, unknown>) : own;
  const words = [article?.content, article?.title, article?.head_content].find((one) => typeof one === 'string' && one);
  return typeof words === 'string' ? words : '';
}
