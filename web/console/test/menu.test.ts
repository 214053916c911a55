import { describe, expect, it } from 'vitest';
import { canMove, differences, draftOf, menuOf, move, parseMenu, sameMenu, step, wrongOf, type Menu } from '../src/logic/menu';

const click = (name: string, key = name) => ({ name, type: 'click', key });
const opener = (name: string, ...sub: Menu['button']) => ({ name, sub_button: sub });
const menu = (...button: Menu['button']): Menu => ({ button });
const names = (menu: Menu) => menu.button.map((one) => [one.name, ...(one.sub_button ?? []).map((sub) => sub.name)].join('>'));
const rules = (menu: Menu) => wrongOf(draftOf(menu)).map((one) => `${one.pointer} ${one.rule}`);

describe('a menu in the editor', () => {
  it('comes out as it went in', () => {
    const given: Menu = {
      button: [click('a'), opener('b', { name: 'c', type: 'miniprogram', appid: 'wx1', pagepath: 'p', url: 'https://a.cn' })],
      conditional: [{ matchrule: { tag_id: 0 }, button: [click('d')] }],
    };
    expect(menuOf(draftOf(given))).toEqual(given);
    expect(sameMenu(given, JSON.parse(JSON.stringify(given)) as Menu)).toBe(true);
    expect(sameMenu(given, menu(click('a')))).toBe(false);
  });

  it('sends of a button only what its type takes, and keeps the rest for a change of mind', () => {
    const draft = draftOf(menu({ ...click('a'), type: 'view', url: ' https://a.cn ' }));
    expect(menuOf(draft).button).toEqual([{ name: 'a', type: 'view', url: 'https://a.cn' }]);
    draft[0]!.buttons[0]!.type = 'click';
    expect(menuOf(draft).button).toEqual([click('a')]);
    draft[0]!.buttons[0]!.sub = draftOf(menu(click('b')))[0]!.buttons;
    expect(menuOf(draft).button).toEqual([opener('a', click('b'))]);
  });
});

describe('moving buttons', () => {
  const bar = () => draftOf(menu(click('a'), opener('b', click('x'), click('y')), click('c')));
  const moved = (from: [number, number | null], to: [number, number | null]) => {
    const draft = bar();
    const place = move(draft[0]!.buttons, { top: from[0], sub: from[1] }, { top: to[0], sub: to[1] });
    return [place && [place.top, place.sub], names(menuOf(draft))];
  };

  it('puts a button before the one that is there', () => {
    expect(moved([0, null], [3, null])).toEqual([[2, null], ['b>x>y', 'c', 'a']]);
    expect(moved([2, null], [0, null])).toEqual([[0, null], ['c', 'a', 'b>x>y']]);
    expect(moved([1, 0], [1, 2])).toEqual([[1, 1], ['a', 'b>y>x', 'c']]);
    expect(moved([1, 1], [2, 0])).toEqual([[2, 0], ['a', 'b>x', 'c>y']]);
  });

  it('knows where a button is that came from the left', () => {
    expect(moved([0, null], [1, 1])).toEqual([[0, 1], ['b>x>a>y', 'c']]);
  });

  it('refuses what WeChat has no room for', () => {
    const buttons = bar()[0]!.buttons;
    // A fourth on the bar, an opener above another, one above itself.
    expect(canMove(buttons, { top: 1, sub: 0 }, { top: 0, sub: null })).toBe(false);
    expect(canMove(buttons, { top: 1, sub: null }, { top: 0, sub: 0 })).toBe(false);
    expect(canMove(buttons, { top: 0, sub: null }, { top: 0, sub: 0 })).toBe(false);
    const full = draftOf(menu(opener('b', ...['1', '2', '3', '4', '5'].map((one) => click(one))), click('c')))[0]!.buttons;
    expect(canMove(full, { top: 1, sub: null }, { top: 0, sub: 5 })).toBe(false);
    expect(canMove(full, { top: 0, sub: 4 }, { top: 0, sub: 0 })).toBe(true);
    expect(canMove(full, { top: 0, sub: 4 }, { top: 1, sub: null })).toBe(true);
  });

  it('goes a step with the keyboard, and not over the edge', () => {
    const buttons = bar()[0]!.buttons;
    expect(step(buttons, { top: 0, sub: null }, 'left')).toBeNull();
    expect(step(buttons, { top: 0, sub: null }, 'up')).toBeNull();
    expect(step(buttons, { top: 0, sub: null }, 'right')).toEqual({ top: 2, sub: null });
    expect(step(buttons, { top: 1, sub: 1 }, 'down')).toBeNull();
    expect(step(buttons, { top: 1, sub: 1 }, 'up')).toEqual({ top: 1, sub: 0 });
    expect(step(buttons, { top: 1, sub: 1 }, 'right')).toEqual({ top: 2, sub: 0 });
  });
});

describe('what is wrong with a menu', () => {
  it('measures names in bytes, shorter on the bar than above it', () => {
    expect(rules(menu(click('五个汉字呀', 'k')))).toEqual([]);
    expect(rules(menu(click('六个汉字真多', 'k')))).toEqual(['/button/0/name too_long']);
    expect(rules(menu(opener('a', click('汉'.repeat(20)))))).toEqual([]);
    expect(rules(menu(opener('a', click('汉'.repeat(21)))))).toEqual(['/button/0/sub_button/0/name too_long']);
    expect(rules(menu(click(' ', 'k')))).toEqual(['/button/0/name required']);
  });

  it('wants what the type needs, in its form', () => {
    const one = (type: string, more: object = {}) => rules(menu({ name: 'a', type, ...more }));
    expect(one('click')).toEqual(['/button/0/key required']);
    expect(one('click', { key: 'k'.repeat(129) })).toEqual(['/button/0/key too_long']);
    for (const url of ['example.com', 'ftp://a.b', 'https://', 'https:// a/', 'https://u@a.b/']) {
      expect(one('view', { url }), url).toEqual(['/button/0/url url']);
    }
    expect(one('view', { url: 'HTTPS://a.b:8443?x' })).toEqual([]);
    expect(one('miniprogram', { url: 'https://a.b', appid: 'wx12', pagepath: 'p' })).toEqual(['/button/0/appid appid']);
    expect(one('news')).toEqual(['/button/0/type foreign_type']);
    expect(one('')).toEqual(['/button/0/type no_type']);
  });

  it('counts buttons, rules and domains', () => {
    expect(rules(menu())).toEqual(['/button count']);
    expect(rules(menu(...['a', 'b', 'c', 'd'].map((one) => click(one))))).toEqual(['/button count']);
    const some = (tag_id: number | null, host = 'a.cn') => ({
      matchrule: { tag_id },
      button: [{ name: 'v', type: 'view', url: `https://${host}/` }],
    });
    const whole = (...conditional: NonNullable<Menu['conditional']>) => rules({ button: [click('a')], conditional });
    expect(whole(some(0), some(1))).toEqual([]);
    expect(whole(some(null))).toEqual(['/conditional/0/matchrule rule']);
    expect(whole(some(1), some(1))).toEqual(['/conditional/1/matchrule never_shown']);
    expect(whole(some(1, 'a.cn'), some(2, 'b.cn'), some(3, 'A.cn:443'), some(4, 'c.cn'))).toEqual([]);
    expect(whole(some(1, 'a.cn'), some(2, 'b.cn'), some(3, 'c.cn'), some(4, 'd.cn'))).toEqual(['/conditional domains']);
  });
});

it('names the fields in which a button changes', () => {
  expect(differences(click('a', 'k'), { name: 'a', type: 'view', url: 'https://a.cn' })).toEqual([
    { field: 'type', before: 'click', after: 'view' },
    { field: 'key', before: 'k', after: '' },
    { field: 'url', before: '', after: 'https://a.cn' },
  ]);
});

describe('a menu from a text', () => {
  it('is taken in our form and in WeChat’s', () => {
    expect(parseMenu(JSON.stringify(menu(click('a'))))?.button).toEqual([click('a')]);
    const theirs = { menu: { button: [click('a')] }, conditionalmenu: [{ button: [click('b')], matchrule: { tag_id: '2', client_platform_type: '' }, menuid: 7 }] };
    expect(parseMenu(JSON.stringify(theirs))).toEqual({
      button: [click('a')],
      conditional: [{ button: [click('b')], matchrule: { tag_id: 2, client_platform_type: null } }],
    });
  });

  it('is not taken when it is none', () => {
    for (const text of ['', '{', '[]', 'null', '{"button": 3}', '{"button": [{}]}', '{"button": [], "conditional": [{}]}']) {
      expect(parseMenu(text), text).toBeNull();
    }
  });
});
