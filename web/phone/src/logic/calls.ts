// Narrowing the list of calls, and showing what they say.

import type { Call } from '../types';

export interface Filter {
  path: string;
  errcode: string;
  direction: '' | 'in' | 'out';
  refused: boolean;
}

export const NO_FILTER: Filter = { path: '', errcode: '', direction: '', refused: false };

/** Whether a call did not do what its caller wanted. */
export function isRefused(call: Call): boolean {
  return call.errcode !== 0 || Boolean(call.error) || call.status >= 400 || call.status === 0;
}

export function matches(call: Call, filter: Filter): boolean {
  if (filter.direction && call.direction !== filter.direction) return false;
  if (filter.refused && !isRefused(call)) return false;
  const path = filter.path.trim().toLowerCase();
  if (path && !call.path.toLowerCase().includes(path)) return false;
  const code = filter.errcode.trim();
  return !code || String(call.errcode) === code;
}

/** Puts newer calls before those that are known; a call told again replaces itself. */
export function merge(known: readonly Call[], news: readonly Call[], limit: number): Call[] {
  const byNumber = new Map(known.map((call) => [call.number, call]));
  for (const call of news) byNumber.set(call.number, call);
  return [...byNumber.values()].sort((a, b) => b.number - a.number).slice(0, limit);
}

/** What a call is about, as far as its body tells. */
export interface About {
  openid: string;
  templateId: string;
  /** Of a push: its event or type, and the text or key in it. */
  what: string;
}

export function about(call: Call): About {
  const text = call.plain_body ?? call.body;
  const value = (name: string): string => {
    const xml = new RegExp(`<${name}>(?:<!\\[CDATA\\[)?([^<\\]]*)`).exec(text)?.[1];
    return xml ?? new RegExp(`"${name}"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)"`).exec(text)?.[1] ?? '';
  };
  if (call.direction === 'in') {
    const asked = new URLSearchParams(call.query).get('openid');
    return { openid: value('touser') || asked || '', templateId: value('template_id'), what: '' };
  }
  const type = value('MsgType');
  const what = type === 'event' ? [value('Event'), value('EventKey')] : [type, value('Content')];
  return { openid: value('FromUserName'), templateId: '', what: what.filter(Boolean).join(' ') };
}

/** JSON and XML with lines and indents; anything else as it is. */
export function pretty(text: string): string {
  const trimmed = text.trim();
  if (trimmed.startsWith('{') || trimmed.startsWith('[')) {
    // Numbers beyond 2^53 (WeChat's msgid) must keep their digits.
    return indentJson(trimmed);
  }
  return trimmed;
}

function indentJson(text: string): string {
  let out = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const c = text.charAt(at);
    if (quoted) {
      out += c;
      if (c === '\\') out += text.charAt(++at);
      else if (c === '"') quoted = false;
      continue;
    }
    const line = () => `\n${'  '.repeat(depth)}`;
    if (c === '"') {
      quoted = true;
      out += c;
    } else if (c === '{' || c === '[') {
      const next = text.slice(at + 1).trimStart().charAt(0);
      if (next === '}' || next === ']') {
        out += c + next;
        at = text.indexOf(next, at);
      } else {
        depth += 1;
        out += c + line();
      }
    } else if (c === '}' || c === ']') {
      depth = Math.max(0, depth - 1);
      out += line() + c;
    } else if (c === ',') {
      out += c + line();
    } else if (c === ':') {
      out += ': ';
    } else if (!/\s/.test(c)) {
      out += c;
    }
  }
  return out;
}

/** The text of a refusal without the rid behind it. */
export function errmsg(answer: string): string {
  const said = /"errmsg"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(answer)?.[1] ?? '';
  return said.replace(/,? rid: .*$/, '').replace(/\\"/g, '"');
}
