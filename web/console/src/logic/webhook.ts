// What is known of endpoints and of what they are told.

import type { Schema } from '../api/http';
import type { Tone } from './message';

export type Webhook = Schema['Webhook'];
export type Delivery = Schema['WebhookDelivery'];
export type EventType = Schema['EventType'];

/** What can be chosen, in the groups people think in. */
export const EVENTS: readonly { group: 'message' | 'callback' | 'grant' | 'broadcast'; types: readonly EventType[] }[] = [
  {
    group: 'message',
    types: [
      'message.accepted',
      'message.delivered',
      'message.undelivered',
      'message.failed',
      'message.unknown',
      'message.expired',
      'message.canceled',
    ],
  },
  { group: 'callback', types: ['callback.received'] },
  { group: 'grant', types: ['grant.changed'] },
  {
    group: 'broadcast',
    types: ['broadcast.running', 'broadcast.paused', 'broadcast.finished', 'broadcast.canceled', 'broadcast.failed'],
  },
];

/** How an endpoint fares, in a word that has one in the page's words. */
export type Standing = 'enabled' | 'failing' | 'resting' | 'by_hand' | 'gone' | 'failing_long';

export function standingOf(webhook: Webhook): Standing {
  if (webhook.disabled) return webhook.disabled.why === 'failing' ? 'failing_long' : webhook.disabled.why;
  if (webhook.rests_until) return 'resting';
  return webhook.failing_since ? 'failing' : 'enabled';
}

const STANDING_TONES: Record<Standing, Tone> = {
  enabled: 'good',
  failing: 'warn',
  resting: 'warn',
  by_hand: 'plain',
  gone: 'bad',
  failing_long: 'bad',
};
export const standingTone = (standing: Standing): Tone => STANDING_TONES[standing];

const DELIVERY_TONES: Record<Delivery['state'], Tone> = { pending: 'busy', delivered: 'good', failed: 'bad' };
/** A delivery that failed before and waits is no longer simply under way. */
export const deliveryTone = (one: Delivery): Tone =>
  one.state === 'pending' && one.last ? 'warn' : DELIVERY_TONES[one.state];

/** Where the console shows what a delivery is about; `null` = nowhere. */
export function subjectLink(one: Delivery): string | null {
  return one.subject?.startsWith('msg_') ? `/messages/${one.subject}` : null;
}

/** Whether something will become of one of these within so many milliseconds of `now`. */
export const moves = (deliveries: readonly Delivery[], now: number, within: number): boolean =>
  deliveries.some((one) => one.due_at != null && Date.parse(one.due_at) <= now + within);

/** How programs check that it was we who posted. */
export const CHECKS: readonly { name: string; code: string }[] = [
  {
    name: 'Node.js',
    code: `import { createHmac, timingSafeEqual } from 'node:crypto';

// body: the bytes as they came, before any JSON is read
function isOurs(secret, headers, body) {
  const id = headers['webhook-id'];
  const at = headers['webhook-timestamp'];
  if (Math.abs(Date.now() / 1000 - at) > 300) return false;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const sum = createHmac('sha256', key).update(\`\${id}.\${at}.\`).update(body).digest();
  return headers['webhook-signature'].split(' ').some((one) => {
    const given = Buffer.from(one.replace('v1,', ''), 'base64');
    return given.length === sum.length && timingSafeEqual(given, sum);
  });
}`,
  },
  {
    name: 'Python',
    code: `import base64, hashlib, hmac, time

# body: the bytes as they came, before any JSON is read
def is_ours(secret, headers, body):
    msg_id, at = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(at)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    sum = hmac.new(key, f"{msg_id}.{at}.".encode() + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(sum).decode()
    return any(hmac.compare_digest(wanted, one) for one in headers["webhook-signature"].split())`,
  },
];
