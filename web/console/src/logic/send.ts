// From a form to a message of the API, and to what one would write oneself.

import type { Schema } from '../api/http';

export type Kind = Schema['Kind'];
export type NewMessage = Schema['NewMessage'];
export type Template = Schema['Template'];

/** What an account can send, the usual first. */
export function kindsOf(account: Schema['AccountKind']): readonly Kind[] {
  return account === 'mini_program'
    ? ['subscribe', 'customer_service']
    : ['template', 'notification', 'one_time', 'customer_service'];
}

export interface SendForm {
  kind: Kind;
  toWhat: 'openid' | 'unionid' | 'user_id';
  to: string;
  templateId: string;
  /** By the template's keys. */
  values: Record<string, string>;
  /** Body of a one-time subscription or of a customer-service message. */
  text: string;
  title: string;
  scene: string;
  url: string;
  appid: string;
  page: string;
  reference: string;
  /** As the browser's control has it: local, without a zone. */
  sendAt: string;
}

export const emptyForm = (): SendForm => ({
  kind: 'template',
  toWhat: 'openid',
  to: '',
  templateId: '',
  values: {},
  text: '',
  title: '',
  scene: '',
  url: '',
  appid: '',
  page: '',
  reference: '',
  sendAt: '',
});

/** The message of a form; what is empty is left out. */
export function messageOf(account: string, form: SendForm, template: Template | null): NewMessage {
  const message: NewMessage = { account, kind: form.kind, to: { [form.toWhat]: form.to.trim() } };
  if (form.kind === 'customer_service') {
    // The description leaves WeChat's body open, which its types cannot say.
    message.content = { msgtype: 'text', text: { content: form.text } } as unknown as NewMessage['content'];
  } else {
    message.template_id = form.templateId.trim();
    if (form.kind === 'one_time') {
      message.data = { content: form.text };
      message.title = form.title;
      message.scene = Number(form.scene || 0);
    } else {
      const keys = template?.fields.map((field) => field.key) ?? Object.keys(form.values);
      message.data = Object.fromEntries(keys.map((key) => [key, form.values[key] ?? '']));
    }
    addLink(message, form);
  }
  if (form.reference.trim()) message.reference = form.reference.trim();
  if (form.sendAt) message.send_at = new Date(form.sendAt).toISOString();
  return message;
}

function addLink(message: NewMessage, form: SendForm): void {
  if (form.kind === 'subscribe') {
    if (form.page.trim()) message.page = form.page.trim();
    return;
  }
  if (form.appid.trim()) {
    message.miniprogram = { appid: form.appid.trim(), ...(form.page.trim() ? { pagepath: form.page.trim() } : {}) };
  }
  if (form.url.trim()) {
    if (form.kind === 'notification') message.page = form.url.trim();
    else message.url = form.url.trim();
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
