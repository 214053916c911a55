// What the control API says; only what the page uses.

export type AccountKind = 'official_account' | 'mini_program';
export type TemplateKind = 'template' | 'subscribe' | 'notification' | 'one_time';
export type Subscription = 'one_time' | 'long_term';

export interface Template {
  template_id: string;
  kind: TemplateKind;
  title: string;
  content: string;
  subscription?: Subscription;
  keys: string[];
}

export interface Callback {
  url: string;
  token: string;
  encoding_aes_key?: string;
  mode: 'plain' | 'compatible' | 'safe';
  format: 'xml' | 'json';
}

/** How receipts go out; `null` reports the truth. */
export interface Receipts {
  delay_ms: number;
  drop_probability: number;
  duplicate: boolean;
  status: 'user_block' | 'system_failed' | null;
}

export type Platform = 'android' | 'ios' | 'other';

export interface Account {
  appid: string;
  kind: AccountKind;
  name: string | null;
  secret: string;
  original_id: string;
  callback: Callback | null;
  receipts: Receipts;
  templates: Template[];
  followers: number;
}

export interface Grant {
  template_id: string;
  subscription: Subscription;
  count: number;
  open: boolean;
}

export interface Membership {
  appid: string;
  openid: string;
  unionid: string | null;
  following: boolean;
  blocked: boolean;
  grants: Grant[];
  scenes: { template_id: string; scene: number }[];
}

export type ItemKind =
  | 'template'
  | 'subscribe'
  | 'notification'
  | 'one_time'
  | 'customer_service'
  | 'text'
  | 'image'
  | 'voice'
  | 'video'
  | 'music'
  | 'news'
  | 'notice'
  | 'own';

/** A message in the notation of `custom/send`. */
export type Content = { msgtype: string } & Record<string, unknown>;

export interface Item {
  appid: string;
  kind: ItemKind;
  template_id: string;
  title: string;
  lines: string[];
  /** Of one-time messages: what colour the text has. */
  color?: string | null;
  url: string | null;
  miniprogram: { appid?: string; pagepath?: string; path?: string } | null;
  content?: Content;
  at: string;
  msgid: number;
}

export interface Person {
  person_id: string;
  nickname: string;
  unionid: string;
  platform: Platform;
  openids: Record<string, string>;
  accounts: Membership[];
}

export interface Phone extends Person {
  /** Newest first. */
  inbox: Item[];
}

export interface Clock {
  now: string;
  now_ms: number;
  offset_ms: number;
}

export interface Stats {
  deliveries: number;
  bulk_people: number;
  requests_by_path: Record<string, number>;
  clock: Clock;
}

export interface Page {
  last_event_id: string;
  stats: Stats;
  people_total: number;
  accounts: Account[];
  people: Phone[];
}

export interface Call {
  number: number;
  direction: 'in' | 'out';
  at: string;
  method: string;
  path: string;
  query: string;
  body: string;
  status: number;
  errcode: number;
  rid: string | null;
  elapsed_ms: number;
  client_ip: string;
  target?: string;
  answer: string;
  struck: boolean;
  plain_body?: string;
  plain_answer?: string;
  error?: string;
}

export interface FaultEffect {
  errcode?: number;
  errmsg?: string;
  http_status?: number;
  delay_ms?: number;
  drop?: 'before' | 'after';
  took_effect?: boolean;
}

export interface Fault {
  fault_id: string;
  path: string;
  remaining: number | null;
  probability: number | null;
  effect: FaultEffect;
  fired: number;
}

export interface Quota {
  path: string;
  limit: number;
  used: number;
  per_minute: number | null;
}

export interface Button {
  name: string;
  type?: string;
  key?: string;
  url?: string;
  appid?: string;
  pagepath?: string;
  media_id?: string;
  article_id?: string;
  sub_button?: Button[] | { list?: Button[] };
}

export interface Menu {
  source: string;
  button: Button[] | null;
}

export interface QrCode {
  ticket: string;
  scene: string;
  expires_at: string | null;
  expired: boolean;
}

/** What a person's action led to. */
export interface Outcome {
  openid: string;
  code?: string;
  callback: {
    attempts: number;
    status: number | null;
    elapsed_ms: number;
    shown: 'nothing' | 'message' | 'failure' | 'transfer';
    error: string | null;
  } | null;
}

export type Choice = 'accept' | 'reject';

export interface Change {
  topic: 'clock' | 'account' | 'quota' | 'person' | 'faults' | 'menu' | 'codes';
  appid?: string;
  openid?: string;
  person_id?: string;
}
