// From a form to a message of the API, and to what one would write oneself.

import type { Schema } from '../api/http';
import { contentOf, type Msgtype } from './content';

export type Kind = Schema['Kind'];
export type NewMessage = Schema['NewMessage'];
export type Template = Schema['Template'];
type Way = Omit<Schema['Fallback'], 'to'>;

/** What an account can send, the usual first. */
export function kindsOf(account: Schema['AccountKind']): readonly Kind[] {
  return account === 'mini_program'
    ? ['subscribe', 'customer_service']
    : ['template', 'notification', 'one_time', 'customer_service'];
}

/** What a message says, apart from who is told and when. */
export interface WayForm {
  account: string;
  kind: Kind;
  templateId: string;
  /** By the template's keys. */
  values: Record<string, string>;
  /** A one-time subscription's text. */
  text: string;
  title: string;
  scene: string;
  url: string;
  appid: string;
  page: string;
  /** Which version of the mini program a tap opens; empty = the one people use. */
  state: '' | Schema['MiniProgramState'];
  /** A customer-service message's body: its type, and its parts by WeChat's names. */
  msgtype: Msgtype;
  parts: Record<string, string>;
}

export interface SendForm extends WayForm {
  toWhat: 'openid' | 'unionid' | 'user_id';
  to: string;
  reference: string;
  /** As the browser's control has them: local, without a zone. */
  sendAt: string;
  expiresAt: string;
  priority: Schema['Priority'];
  truncate: boolean;
  resend: boolean;
  /** Further ways to the person, in order. */
  ways: WayForm[];
}

export const emptyWay = (account: Schema['Account']): WayForm => ({
  account: account.name,
  kind: kindsOf(account.kind)[0] ?? 'template',
  templateId: '',
  values: {},
  text: '',
  title: '',
  scene: '',
  url: '',
  appid: '',
  page: '',
  state: '',
  msgtype: 'text',
  parts: {},
});

export const emptyForm = (account: Schema['Account']): SendForm => ({
  ...emptyWay(account),
  toWhat: 'openid',
  to: '',
  reference: '',
  sendAt: '',
  expiresAt: '',
  priority: 'normal',
  truncate: false,
  resend: false,
  ways: [],
});

/** What is known of an account that a message names. */
export interface Known {
  kind: Schema['AccountKind'];
  templates: readonly Template[];
}

/** The message of a form; what is empty is left out. */
export function messageOf(form: SendForm, known: (account: string) => Known): NewMessage {
  const { account, kind, ...content } = wayOf(form, known(form.account));
  const message: NewMessage = { account, kind, to: { [form.toWhat]: form.to.trim() }, ...content };
  if (form.ways.length > 0) message.fallback = form.ways.map((way) => wayOf(way, known(way.account)));
  if (form.reference.trim()) message.reference = form.reference.trim();
  if (form.sendAt) message.send_at = new Date(form.sendAt).toISOString();
  if (form.expiresAt) message.expires_at = new Date(form.expiresAt).toISOString();
  if (form.priority !== 'normal') message.priority = form.priority;
  if (form.truncate) message.overflow = 'truncate';
  if (form.resend) message.on_unknown = 'resend';
  return message;
}

function wayOf(form: WayForm, known: Known): Way {
  const way: Way = { account: form.account, kind: form.kind };
  if (form.kind === 'customer_service') {
    // The description leaves WeChat's body open, which its types cannot say.
    way.content = contentOf(form.msgtype, form.parts, known.kind) as unknown as Way['content'];
    return way;
  }
  way.template_id = form.templateId.trim();
  if (form.kind === 'one_time') {
    way.data = { content: form.text };
    way.title = form.title;
    way.scene = Number(form.scene || 0);
  } else {
    const template = known.templates.find((one) => one.template_id === form.templateId);
    const keys = template?.fields.map((field) => field.key) ?? Object.keys(form.values);
    way.data = Object.fromEntries(keys.map((key) => [key, form.values[key] ?? '']));
  }
  addLink(way, form);
  return way;
}

function addLink(way: Way, form: WayForm): void {
  if (form.state && (form.kind === 'subscribe' || form.kind === 'notification')) way.miniprogram_state = form.state;
  if (form.kind === 'subscribe') {
    if (form.page.trim()) way.page = form.page.trim();
    return;
  }
  if (form.appid.trim()) {
    way.miniprogram = { appid: form.appid.trim(), ...(form.page.trim() ? { pagepath: form.page.trim() } : {}) };
  }
  if (form.url.trim()) {
    if (form.kind === 'notification') way.page = form.url.trim();
    else way.url = form.url.trim();
  }
}

/** What is wrong by place: the first word of each JSON pointer. */
export function byPointer(violations: readonly Schema['Violation'][], lang: 'zh' | 'en'): Map<string, string> {
  const all = new Map<string, string>();
  for (const one of violations) {
    const words = lang === 'zh' ? one.message_zh : one.message;
    const place = one.pointer.replace(/\/value$/, '');
    all.set(place, all.has(place) ? `${all.get(place)} ${words}` : words);
  }
  return all;
}

/** Characters as WeChat counts them: those outside the basic plane are one. */
export const lengthOf = (text: string) => [...text].length;

/** A word that makes a repeat of a request do nothing twice. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function asCurl(base: string, message: NewMessage): string {
  return [
    `curl ${quoted(`${base}/v1/messages?wait=10`)}`,
    `-H "Authorization: Bearer $HONGYAN_API_KEY"`,
    `-H 'Content-Type: application/json'`,
    `-d ${quoted(JSON.stringify(message))}`,
  ].join(' \\\n  ');
}

export function asJavaScript(base: string, message: NewMessage): string {
  return `const response = await fetch(${JSON.stringify(`${base}/v1/messages?wait=10`)}, {
  method: 'POST',
  headers: {
    Authorization: \`Bearer \${process.env.HONGYAN_API_KEY}\`,
    'Content-Type': 'application/json',
  },
  body: JSON.stringify(${JSON.stringify(message, null, 2).replaceAll('\n', '\n  ')}),
});
const message = await response.json();`;
}

export function asRust(base: string, message: NewMessage): string {
  const json = JSON.stringify(message, null, 4).replaceAll('\n', '\n    ');
  return `let client = hongyan_api::client::Client::new(${JSON.stringify(base)}, &api_key)?;
let message: hongyan_api::NewMessage = serde_json::from_value(serde_json::json!(
    ${json}
))?;
let sent = client.send(&message, &Default::default()).await?;`;
}
