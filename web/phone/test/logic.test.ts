import { beforeEach, describe, expect, it } from 'vitest';
import { KNOWN_CODES, diagnose } from '../src/errcodes';
import { keepChoices, forgetChoice, split } from '../src/logic/always';
import { NO_FILTER, about, errmsg, isRefused, matches, merge, pretty } from '../src/logic/calls';
import { SERVICE, badge, chats, snippet, unreadTotal } from '../src/logic/chats';
import { body, pieces, target } from '../src/logic/content';
import { below, tap } from '../src/logic/menu';
import { Trail, pageWord, refusesFrames } from '../src/logic/pages';
import type { Call, Item, Person } from '../src/types';
import { en } from '../src/words/en';
import { zh } from '../src/words/zh';

const item = (more: Partial<Item>): Item => ({
  appid: 'wxoa',
  kind: 'template',
  template_id: '',
  title: '',
  lines: [],
  url: null,
  miniprogram: null,
  at: '2026-01-05T04:00:00.000Z',
  msgid: 0,
  ...more,
});
const person = (following: boolean): Person => ({
  person_id: 'p',
  nickname: '小雁',
  unionid: 'u',
  platform: 'android',
  openids: { wxoa: 'o' },
  accounts: [{ appid: 'wxoa', openid: 'o', unionid: null, following, blocked: false, grants: [], scenes: [] }],
});

describe('chats', () => {
  const inbox = [
    item({ kind: 'own', at: '2026-01-05T04:00:04.000Z' }),
    item({ kind: 'subscribe', appid: 'wxmp', at: '2026-01-05T04:00:03.000Z' }),
    item({ kind: 'notification', at: '2026-01-05T04:00:02.000Z' }),
    item({ at: '2026-01-05T04:00:01.000Z' }),
  ];

  it('puts each message where WeChat puts it', () => {
    const follower = chats(inbox, person(true), {});
    expect(follower.map((chat) => [chat.id, chat.items.length])).toEqual([
      ['wxoa', 3],
      [SERVICE, 1],
    ]);
    const stranger = chats(inbox, person(false), {});
    expect(stranger.map((chat) => [chat.id, chat.items.length])).toEqual([
      ['wxoa', 2],
      [SERVICE, 2],
    ]);
  });

  it('shows the oldest first and names the newest', () => {
    const [chat] = chats(inbox, person(true), {});
    expect(chat?.items.map((one) => one.kind)).toEqual(['template', 'notification', 'own']);
    expect(chat?.last.kind).toBe('own');
  });

  it('counts what came after the chat was read, but not what the person said', () => {
    expect(unreadTotal(chats(inbox, person(true), {}))).toBe(3);
    const marks = { wxoa: Date.parse('2026-01-05T04:00:01.000Z') };
    expect(chats(inbox, person(true), marks)[0]?.unread).toBe(1);
    expect([badge(7), badge(100)]).toEqual(['7', '99+']);
  });

  it('says in one line what a message is', () => {
    const words = (kind: string) => `[${kind}]`;
    expect(snippet(item({ title: '发货通知', lines: ['x'] }), words)).toBe('发货通知');
    const text = item({ kind: 'text', lines: ['a\nb'], content: { msgtype: 'text' } });
    expect(snippet(text, words)).toBe('a b');
    const image = item({ kind: 'image', lines: ['[image]'], content: { msgtype: 'image' } });
    expect(snippet(image, words)).toBe('[image]');
  });
});

describe('contents', () => {
  const of = (content: Item['content'], kind: Item['kind'] = 'customer_service') => body(item({ kind, content }));

  it('reads what custom/send wrote', () => {
    expect(of({ msgtype: 'text', text: { content: 'hi' } })).toEqual({ shape: 'text', text: 'hi' });
    const articles = [{ title: 'A', description: 'd', url: 'https://a', picurl: 'https://p' }];
    expect(of({ msgtype: 'news', news: { articles } })).toEqual({
      shape: 'news',
      articles: [{ title: 'A', description: 'd', url: 'https://a', picture: 'https://p' }],
    });
    expect(of({ msgtype: 'image', image: { media_id: 'm/1' } })).toEqual({
      shape: 'image',
      url: '/sandbox/v1/media/m%2F1',
    });
    const menu = { head_content: '满意吗', list: [{ id: 101, content: '满意' }], tail_content: '' };
    expect(of({ msgtype: 'msgmenu', msgmenu: menu })).toMatchObject({
      shape: 'menu',
      items: [{ id: '101', content: '满意' }],
    });
    const page = { appid: 'wxmp', title: 'P', pagepath: 'pages/a' };
    expect(of({ msgtype: 'miniprogrampage', miniprogrampage: page })).toMatchObject({ shape: 'mini', path: 'pages/a' });
    expect(of({ msgtype: 'wxcard', wxcard: {} })).toEqual({ shape: 'other', type: 'wxcard' });
    expect(body(item({ kind: 'notice', lines: ['故障'] }))).toEqual({ shape: 'notice', text: '故障' });
    expect(body(item({}))).toEqual({ shape: 'card' });
  });

  it('never takes a script for a picture', () => {
    expect(of({ msgtype: 'image', image: { pic_url: 'javascript:alert(1)' } })).toEqual({ shape: 'image', url: null });
  });

  it('finds links in texts, and no scripts', () => {
    expect(pieces('看 <a href="https://a.example/x">这里</a>，或 http://b.example/y。')).toEqual([
      { text: '看 ' },
      { text: '这里', url: 'https://a.example/x' },
      { text: '，或 ' },
      { text: 'http://b.example/y', url: 'http://b.example/y' },
      { text: '。' },
    ]);
    expect(pieces('<a href="javascript:x">点</a>')).toEqual([{ text: '点' }]);
    const mini = '<a href="https://a.example" data-miniprogram-appid="wxmp" data-miniprogram-path="pages/a?b=1">点餐</a>';
    expect(pieces(mini)).toEqual([{ text: '点餐', mini: 'wxmp', path: 'pages/a?b=1' }]);
  });

  it('lets the mini program win over the page', () => {
    const both = item({ url: 'https://a', miniprogram: { appid: 'wxmp', pagepath: 'p' } });
    expect(target(both)).toEqual({ mini: 'wxmp', path: 'p' });
    expect(target(item({ url: 'https://a' }))).toEqual({ url: 'https://a' });
    expect(target(item({ kind: 'subscribe', appid: 'wxmp', url: 'p?x=1' }))).toEqual({ mini: 'wxmp', path: 'p?x=1' });
    expect(target(item({}))).toBeNull();
  });
});

describe('menus', () => {
  it('opens what has buttons below it, in both notations', () => {
    const leaf = { name: 'l', type: 'click', key: 'K' };
    expect(tap({ name: 'a', type: 'click', key: 'x', sub_button: [leaf] })).toEqual({ does: 'open', items: [leaf] });
    expect(below({ name: 'a', sub_button: { list: [leaf] } })).toEqual([leaf]);
    expect(tap({ ...leaf, sub_button: [] })).toEqual({ does: 'click', key: 'K' });
  });
  it('knows what each kind does', () => {
    expect(tap({ name: 'v', type: 'view', url: 'https://a' })).toEqual({ does: 'view', url: 'https://a' });
    expect(tap({ name: 'm', type: 'miniprogram', appid: 'wx', pagepath: 'p', url: 'u' })).toMatchObject({ does: 'mini', path: 'p' });
    expect(tap({ name: 's', type: 'scancode_push', key: 'k' })).toEqual({ does: 'scan', name: 's' });
    expect(tap({ name: 'p', type: 'pic_sysphoto', key: 'k' })).toEqual({ does: 'tap', name: 'p' });
    expect(tap({ name: 'n' })).toEqual({ does: 'nothing' });
  });
});

describe('choices that are kept', () => {
  beforeEach(() => localStorage.clear());
  it('are not asked about again until they are forgotten', () => {
    expect(split('p', ['a', 'b'])).toEqual({ open: ['a', 'b'], kept: {} });
    keepChoices('p', { a: 'accept' });
    expect(split('p', ['a', 'b'])).toEqual({ open: ['b'], kept: { a: 'accept' } });
    expect(split('other', ['a']).open).toEqual(['a']);
    forgetChoice('p', 'a');
    expect(split('p', ['a']).open).toEqual(['a']);
  });
});

describe('calls', () => {
  const call = (more: Partial<Call>): Call => ({
    number: 1,
    direction: 'in',
    at: '',
    method: 'POST',
    path: '/cgi-bin/message/template/send',
    query: '',
    body: '',
    status: 200,
    errcode: 0,
    rid: null,
    elapsed_ms: 1,
    client_ip: '127.0.0.1',
    answer: '',
    struck: false,
    ...more,
  });

  it('tell who and what they are about', () => {
    const send = call({ body: '{"touser":"oA","template_id":"T","data":{"thing1":{"value":"x"}}}' });
    expect(about(send)).toEqual({ openid: 'oA', templateId: 'T', what: '' });
    expect(about(call({ query: 'access_token=x&openid=oB' })).openid).toBe('oB');
    const xml = (inner: string) =>
      call({ direction: 'out', body: '<xml/>', plain_body: `<xml><FromUserName><![CDATA[oA]]></FromUserName>${inner}</xml>` });
    const text = xml('<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[帮助]]></Content>');
    expect(about(text)).toEqual({ openid: 'oA', templateId: '', what: 'text 帮助' });
    const click = xml('<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[CLICK]]></Event><EventKey><![CDATA[TODAY]]></EventKey>');
    expect(about(click).what).toBe('CLICK TODAY');
    const json = call({ direction: 'out', body: '{"FromUserName":"oC","MsgType":"event","Event":"subscribe_msg_popup_event"}' });
    expect(about(json)).toEqual({ openid: 'oC', templateId: '', what: 'subscribe_msg_popup_event' });
  });
  it('are told apart by path, errcode, direction and failure', () => {
    const bad = call({ errcode: 43004 });
    expect(matches(bad, { ...NO_FILTER, path: 'TEMPLATE' })).toBe(true);
    expect(matches(bad, { ...NO_FILTER, errcode: '4300' })).toBe(false);
    expect(matches(bad, { ...NO_FILTER, errcode: '43004', refused: true })).toBe(true);
    expect(matches(call({}), { ...NO_FILTER, refused: true })).toBe(false);
    expect(matches(call({}), { ...NO_FILTER, direction: 'out' })).toBe(false);
    expect([isRefused(call({ status: 0 })), isRefused(call({ error: 'x' }))]).toEqual([true, true]);
  });

  it('are kept newest first, once each, and not for ever', () => {
    const known = [call({ number: 2 }), call({ number: 1 })];
    const told = merge(known, [call({ number: 3 }), call({ number: 2, status: 500 })], 2);
    expect(told.map((one) => [one.number, one.status])).toEqual([
      [3, 200],
      [2, 500],
    ]);
  });

  it('are shown with indents and every digit of a msgid', () => {
    expect(pretty('{"errcode":0,"msgid":1152921504606846976,"a":[],"s":"{,\\"}"}')).toBe(
      '{\n  "errcode": 0,\n  "msgid": 1152921504606846976,\n  "a": [],\n  "s": "{,\\"}"\n}',
    );
    expect(pretty(' <xml/> ')).toBe('<xml/>');
  });

  it('say why they were refused, without the rid', () => {
    expect(errmsg('{"errcode":43004,"errmsg":"require subscribe rid: 1-2-3"}')).toBe('require subscribe');
    expect(errmsg('{}')).toBe('');
  });

  it('are explained in both languages', () => {
    for (const code of KNOWN_CODES) {
      expect(diagnose(code, 'zh')?.cause).not.toBe('');
      expect(diagnose(code, 'en')?.fix).not.toBe('');
    }
    expect(diagnose(43004, 'zh')?.fix).toMatch(/关注/);
    expect(diagnose(12345, 'en')).toBeNull();
  });
});

describe('pages', () => {
  it('stand in the phone unless the gateway keeps them to itself', () => {
    const callbacks = ['http://127.0.0.1:8600/callback/demo-oa', 'https://shop.example/push/callback/a'];
    const refused = (url: string) => refusesFrames(url, callbacks);
    expect(refused('http://127.0.0.1:8600/h5/demo-oa/subscribe?x=1')).toBe(false);
    expect(refused('http://127.0.0.1:8600/')).toBe(true);
    expect(refused('http://127.0.0.1:8600/docs')).toBe(true);
    expect(refused('http://127.0.0.1:8601/')).toBe(false);
    expect(refused('https://shop.example/push/docs')).toBe(true);
    expect(refused('https://shop.example/push/h5/a/oauth')).toBe(false);
    expect(refused('https://shop.example/h5-shop')).toBe(false);
    expect(refusesFrames('https://own.example/', ['https://own.example/wechat'])).toBe(false);
    expect(refusesFrames('nonsense', ['nonsense', 'nonsense/callback/a'])).toBe(false);
  });
  it('are gone back through, and never out of the phone', () => {
    const trail = new Trail(3);
    trail.grew(3);
    expect(trail.back(3)).toBe(false);
    trail.grew(5);
    expect([trail.back(5), trail.back(5), trail.back(5)]).toEqual([true, true, false]);
    // One more page takes the place of those gone back from.
    trail.grew(4);
    expect(trail.back(4)).toBe(false);
    // What a page pushed itself is noticed at the latest now.
    expect(trail.back(5)).toBe(true);
  });
  it('say their title and when to close, and nothing else is heard', () => {
    expect(pageWord({ jweixin: { title: '小店' } })).toEqual({ title: '小店' });
    expect(pageWord({ jweixin: { close: true } })).toEqual({ close: true });
    for (const other of [null, 'close', 7, {}, { jweixin: null }, { jweixin: { title: 1 } }]) {
      expect(pageWord(other)).toBe(null);
    }
  });
});

describe('words', () => {
  it('are complete in both languages, with the same parameters', () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
    const parameters = (text: string) => [...text.matchAll(/\{\w+\}/g)].map((one) => one[0]).sort();
    for (const [key, text] of Object.entries(en)) {
      const other = zh[key as keyof typeof en];
      expect(parameters(other), key).toEqual(parameters(text));
      expect(text.trim() === '' || other.trim() === '', key).toBe(false);
    }
  });
  it('leave none that the sources ask for unsaid', () => {
    const files = import.meta.glob('../src/**/*.{vue,ts}', { query: '?raw', import: 'default', eager: true });
    const sources = Object.values(files) as string[];
    expect(sources.length).toBeGreaterThan(20);
    const asked = sources.flatMap((source) => [...source.matchAll(/\bt\('(\w+)'/g)].map((one) => one[1] ?? ''));
    expect(asked.filter((key) => !(key in en))).toEqual([]);
  });
  it('have none that nothing asks for', () => {
    const files = import.meta.glob('../src/**/*.{vue,ts}', { query: '?raw', import: 'default', eager: true });
    const sources = Object.entries(files)
      .filter(([name]) => !name.includes('/words/'))
      .map(([, source]) => source as string)
      .join('\n');
    const unused = Object.keys(en).filter(
      (key) => !/^(kind|problem)_/.test(key) && !new RegExp(`['"]${key}['"]`).test(sources),
    );
    expect(unused).toEqual([]);
  });
});
