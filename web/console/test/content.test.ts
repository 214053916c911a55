import { describe, expect, it } from 'vitest';
import { contentOf, gistOf, msgtypesOf, partsOf, pointersOf } from '../src/logic/content';

describe('the body of a customer-service message', () => {
  it('leaves out what may stay empty, and keeps what may not for the check to find', () => {
    expect(contentOf('news', { title: ' Sale ', url: 'https://a.cn/', picurl: '' }, 'official_account')).toEqual({
      msgtype: 'news',
      news: { articles: [{ title: 'Sale', url: 'https://a.cn/' }] },
    });
    expect(contentOf('image', {}, 'official_account')).toEqual({ msgtype: 'image', image: { media_id: '' } });
  });

  it('numbers the answers of a question', () => {
    const body = contentOf('msgmenu', { head_content: 'Content?', choices: 'Yes\n\n No \n' }, 'official_account');
    expect(body).toEqual({
      msgtype: 'msgmenu',
      msgmenu: { head_content: 'Content?', list: [{ id: '1', content: 'Yes' }, { id: '2', content: 'No' }] },
    });
  });

  it('keeps a text as it was written', () => {
    expect(contentOf('text', { content: '  a\nb ' }, 'mini_program')).toEqual({ msgtype: 'text', text: { content: '  a\nb ' } });
  });
});

it('offers an account what it may send, and a mini program no other’s pages', () => {
  expect(msgtypesOf('mini_program')).toEqual(['text', 'miniprogrampage', 'image', 'link']);
  expect(msgtypesOf('official_account')).toContain('news');
  expect(partsOf('miniprogrampage', 'mini_program').map((part) => part.name)).not.toContain('appid');
});

it('knows where the API looks for a part', () => {
  expect(pointersOf('news', 'url')).toEqual(['/content/news/articles/0/url']);
  expect(pointersOf('text', 'content')).toEqual(['/content/text/content']);
});

it('has a few words of every body', () => {
  expect(gistOf({ msgtype: 'text', text: { content: 'Hello' } })).toBe('Hello');
  expect(gistOf({ msgtype: 'news', news: { articles: [{ title: 'Sale' }] } })).toBe('Sale');
  expect(gistOf({ msgtype: 'msgmenu', msgmenu: { head_content: 'Content?' } })).toBe('Content?');
  expect(gistOf({ msgtype: 'image', image: { media_id: 'm' } })).toBe('');
  expect(gistOf(null)).toBe('');
});
