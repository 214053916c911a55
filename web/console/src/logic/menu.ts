// The menu below a chat while it is edited: bars of buttons, what may go where, and
// what is wrong already before the gateway is asked.

import type { Schema } from '../api/http';

export type Menu = Schema['Menu'];
export type MenuButton = Schema['MenuButton'];
export type MatchRule = Schema['MatchRule'];

/** WeChat's limits: buttons on the bar and above one, bytes of names and values. */
export const BAR = 3;
export const ABOVE = 5;
export const BAR_NAME = 16;
export const ABOVE_NAME = 60;
export const LONGEST = { key: 128, url: 1024 } as const;
const CONDITIONAL_DOMAINS = 3;

export const FIELDS = ['key', 'url', 'appid', 'pagepath', 'media_id', 'article_id'] as const;
export type Field = (typeof FIELDS)[number];

/** What each type of button needs, and takes: no other field. */
export const NEEDS = {
  click: ['key'],
  view: ['url'],
  miniprogram: ['appid', 'pagepath', 'url'],
  article_view_limited: ['article_id'],
  view_limited: ['media_id'],
  media_id: ['media_id'],
  article_id: ['article_id'],
  scancode_push: ['key'],
  scancode_waitmsg: ['key'],
  pic_sysphoto: ['key'],
  pic_photo_or_album: ['key'],
  pic_weixin: ['key'],
  location_select: ['key'],
} as const satisfies Record<string, readonly Field[]>;
export type Type = keyof typeof NEEDS;

export const isType = (word: string): word is Type => Object.hasOwn(NEEDS, word);

/** A button being edited: it keeps what it had for other types until it is applied. */
export interface DraftButton {
  /** Knows it again while it moves. */
  id: number;
  name: string;
  type: string;
  fields: Record<Field, string>;
  /** What a button made in WeChat's own console sends; WeChat takes it from nobody. */
  value: string;
  sub: DraftButton[];
}

/** A bar for some people; for everybody without a rule. */
export interface DraftBar {
  id: number;
  rule: MatchRule | null;
  buttons: DraftButton[];
}

/** Everybody's bar first, then the conditional ones in the order they are tried. */
export type Draft = DraftBar[];

let lastId = 0;
const nextId = () => ++lastId;

export function newButton(name: string, from?: MenuButton): DraftButton {
  const fields = Object.fromEntries(FIELDS.map((field) => [field, from?.[field] ?? ''])) as Record<Field, string>;
  return {
    id: nextId(),
    name,
    // A type of its own is what a button has that opens no others.
    type: from ? (from.type ?? '') : 'click',
    fields,
    value: from?.value ?? '',
    sub: (from?.sub_button ?? []).map((one) => newButton(one.name, one)),
  };
}

export const newBar = (rule: MatchRule | null, buttons: readonly MenuButton[]): DraftBar => ({
  id: nextId(),
  rule: rule && { ...rule },
  buttons: buttons.map((one) => newButton(one.name, one)),
});

export function draftOf(menu: Menu | null | undefined): Draft {
  return [
    newBar(null, menu?.button ?? []),
    ...(menu?.conditional ?? []).map((one) => newBar(one.matchrule, one.button)),
  ];
}

/** A button as the API takes it: only what its type takes. */
function buttonOf(draft: DraftButton): MenuButton {
  const name = draft.name.trim();
  if (draft.sub.length > 0) return { name, sub_button: draft.sub.map(buttonOf) };
  const button: MenuButton = { name, ...(draft.type ? { type: draft.type } : {}) };
  for (const field of isType(draft.type) ? NEEDS[draft.type] : []) {
    const text = draft.fields[field].trim();
    if (text) button[field] = text;
  }
  return button;
}

function ruleOf(rule: MatchRule): MatchRule {
  const given = Object.entries(rule).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(given);
}

export const buttonsOf = (bar: DraftBar): MenuButton[] => bar.buttons.map(buttonOf);

export function menuOf(draft: Draft): Menu {
  const conditional = draft.slice(1).map((bar) => ({ matchrule: ruleOf(bar.rule ?? {}), button: buttonsOf(bar) }));
  const menu: Menu = { button: draft[0] ? buttonsOf(draft[0]) : [] };
  if (conditional.length > 0) menu.conditional = conditional;
  return menu;
}

/** Whether two menus are one and the same to those who see them. */
export const sameMenu = (a: Menu | null | undefined, b: Menu | null | undefined) =>
  JSON.stringify(menuOf(draftOf(a))) === JSON.stringify(menuOf(draftOf(b)));

/** A place in a bar: on it, or above one of its buttons. */
export interface Place {
  top: number;
  sub: number | null;
}

export const at = (buttons: DraftButton[], place: Place): DraftButton | undefined =>
  place.sub === null ? buttons[place.top] : buttons[place.top]?.sub[place.sub];

export function placeOf(buttons: DraftButton[], id: number): Place | null {
  for (const [top, button] of buttons.entries()) {
    if (button.id === id) return { top, sub: null };
    const sub = button.sub.findIndex((one) => one.id === id);
    if (sub >= 0) return { top, sub };
  }
  return null;
}

/** Whether the button at `from` may be put before what is at `to` now. */
export function canMove(buttons: DraftButton[], from: Place, to: Place): boolean {
  const button = at(buttons, from);
  if (!button || to.top < 0 || (to.sub !== null && to.sub < 0)) return false;
  if (to.sub === null) return to.top <= buttons.length && (from.sub === null || buttons.length < BAR);
  const above = buttons[to.top];
  if (!above || to.sub > above.sub.length) return false;
  if (from.sub !== null && from.top === to.top) return true;
  return from.top !== to.top && button.sub.length === 0 && above.sub.length < ABOVE;
}

/** Puts the button at `from` before what is at `to` now, if it may; says where it then is. */
export function move(buttons: DraftButton[], from: Place, to: Place): Place | null {
  if (!canMove(buttons, from, to)) return null;
  const button = at(buttons, from);
  const source = from.sub === null ? buttons : buttons[from.top]?.sub;
  const target = to.sub === null ? buttons : buttons[to.top]?.sub;
  if (!button || !source || !target) return null;
  const index = from.sub ?? from.top;
  let goal = to.sub ?? to.top;
  if (source === target && index < goal) goal -= 1;
  source.splice(index, 1);
  target.splice(goal, 0, button);
  return placeOf(buttons, button.id);
}

export type Direction = 'left' | 'right' | 'up' | 'down';

/** Where one step leads: along the bar, along the buttons above one, or over to a neighbour's. */
export function step(buttons: DraftButton[], from: Place, direction: Direction): Place | null {
  const back = direction === 'left' || direction === 'up';
  const along = from.sub === null ? direction === 'left' || direction === 'right' : direction === 'up' || direction === 'down';
  if (along) {
    const index = from.sub ?? from.top;
    const goal = back ? index - 1 : index + 2;
    const count = from.sub === null ? buttons.length : (buttons[from.top]?.sub.length ?? 0);
    if (goal < 0 || goal > count) return null;
    return from.sub === null ? { top: goal, sub: null } : { top: from.top, sub: goal };
  }
  if (from.sub === null) return null;
  const top = from.top + (back ? -1 : 1);
  const to = { top, sub: buttons[top]?.sub.length ?? 0 };
  return canMove(buttons, from, to) ? to : null;
}

const encoder = new TextEncoder();
export const bytesOf = (text: string) => encoder.encode(text.trim()).length;

/** What is wrong at a place of the menu, by a JSON pointer as the API's violations have it. */
export interface Wrong {
  pointer: string;
  rule: 'required' | 'no_type' | 'foreign_type' | 'too_long' | 'url' | 'appid' | 'count' | 'rule' | 'never_shown' | 'domains';
  have?: number;
  most?: number;
}

const hostOf = (text: string): string | null => {
  const found = /^https?:\/\/([^\s/?#:@]+)(:\d+)?([/?#]|$)/i.exec(text.trim());
  return found?.[1]?.toLowerCase() ?? null;
};

function wrongOfButton(button: DraftButton, pointer: string, most: number): Wrong[] {
  const found: Wrong[] = [];
  const name = `${pointer}/name`;
  if (!button.name.trim()) found.push({ pointer: name, rule: 'required' });
  else if (bytesOf(button.name) > most) found.push({ pointer: name, rule: 'too_long', have: bytesOf(button.name), most });
  if (button.sub.length > 0) return found;
  if (!isType(button.type)) return [...found, { pointer: `${pointer}/type`, rule: button.type ? 'foreign_type' : 'no_type' }];
  for (const field of NEEDS[button.type]) {
    const text = button.fields[field].trim();
    const longest = field === 'key' || field === 'url' ? LONGEST[field] : Infinity;
    const place = `${pointer}/${field}`;
    if (!text) found.push({ pointer: place, rule: 'required' });
    else if (bytesOf(text) > longest) found.push({ pointer: place, rule: 'too_long', have: bytesOf(text), most: longest });
    else if (field === 'url' && hostOf(text) === null) found.push({ pointer: place, rule: 'url' });
    else if (field === 'appid' && !/^wx[0-9a-f]{16}$/.test(text)) found.push({ pointer: place, rule: 'appid' });
  }
  return found;
}

export const barPointer = (bar: number) => (bar === 0 ? '' : `/conditional/${bar - 1}`);
export const buttonPointer = (bar: number, place: Place) =>
  `${barPointer(bar)}/button/${place.top}${place.sub === null ? '' : `/sub_button/${place.sub}`}`;

/** Everything that is wrong and can be known without asking. */
export function wrongOf(draft: Draft): Wrong[] {
  const found: Wrong[] = [];
  const rules = new Set<string>();
  const hosts = new Set<string>();
  draft.forEach((bar, index) => {
    const pointer = barPointer(index);
    if (bar.buttons.length < 1 || bar.buttons.length > BAR) {
      found.push({ pointer: `${pointer}/button`, rule: 'count', have: bar.buttons.length, most: BAR });
    }
    if (bar.rule) {
      const rule = JSON.stringify([bar.rule.tag_id ?? null, bar.rule.client_platform_type ?? null]);
      if (rule === '[null,null]') found.push({ pointer: `${pointer}/matchrule`, rule: 'rule' });
      else if (rules.has(rule)) found.push({ pointer: `${pointer}/matchrule`, rule: 'never_shown' });
      rules.add(rule);
    }
    bar.buttons.forEach((button, top) => {
      found.push(...wrongOfButton(button, buttonPointer(index, { top, sub: null }), BAR_NAME));
      if (button.sub.length > ABOVE) {
        found.push({ pointer: `${buttonPointer(index, { top, sub: null })}/sub_button`, rule: 'count', have: button.sub.length, most: ABOVE });
      }
      button.sub.forEach((one, sub) => found.push(...wrongOfButton(one, buttonPointer(index, { top, sub }), ABOVE_NAME)));
    });
    if (index === 0) return;
    for (const button of buttonsOf(bar).flatMap((one) => one.sub_button ?? [one])) {
      const host = button.url ? hostOf(button.url) : null;
      if (host) hosts.add(host);
    }
  });
  if (hosts.size > CONDITIONAL_DOMAINS) {
    found.push({ pointer: '/conditional', rule: 'domains', have: hosts.size, most: CONDITIONAL_DOMAINS });
  }
  return found;
}

export interface Difference {
  field: Field | 'name' | 'type';
  before: string;
  after: string;
}

/** In what two states of a button differ. */
export function differences(before: MenuButton, after: MenuButton): Difference[] {
  return (['name', 'type', ...FIELDS] as const)
    .map((field) => ({ field, before: before[field] ?? '', after: after[field] ?? '' }))
    .filter((one) => one.before !== one.after);
}

/** A menu from a text: as the API and menu files have it, or as WeChat's own answers do. `null` = it is none. */
export function parseMenu(text: string): Menu | null {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return null;
  }
  const whole = given as { menu?: unknown; button?: unknown; conditional?: unknown; conditionalmenu?: unknown } | null;
  const inner = (whole?.menu ?? whole) as { button?: unknown } | null;
  const conditional = whole?.conditional ?? whole?.conditionalmenu ?? [];
  const isButton = (one: unknown): boolean => {
    const button = one as { name?: unknown; sub_button?: unknown } | null;
    const sub = button?.sub_button ?? [];
    return typeof button?.name === 'string' && Array.isArray(sub) && sub.every(isButton);
  };
  const areButtons = (all: unknown) => Array.isArray(all) && all.every(isButton);
  const isConditional = (one: unknown) => {
    const menu = one as { button?: unknown; matchrule?: unknown } | null;
    return areButtons(menu?.button) && typeof menu?.matchrule === 'object' && menu.matchrule !== null;
  };
  if (!areButtons(inner?.button) || !Array.isArray(conditional) || !conditional.every(isConditional)) return null;
  const number = (value: unknown) => (value === undefined || value === null || value === '' ? null : Number(value));
  return {
    button: inner?.button as MenuButton[],
    conditional: (conditional as { button: MenuButton[]; matchrule: Record<string, unknown> }[]).map((one) => ({
      button: one.button,
      // WeChat's own documents quote these numbers.
      matchrule: { tag_id: number(one.matchrule.tag_id), client_platform_type: number(one.matchrule.client_platform_type) },
    })),
  };
}
