import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CHECKS, deliveryTone, moves, standingOf, subjectLink, type Delivery, type Webhook } from '../src/logic/webhook';

const AT = '2026-11-21T10:00:00Z';

const webhook = (more: Partial<Webhook> = {}) => ({ enabled: true, ...more }) as Webhook;
const delivery = (more: Partial<Delivery> = {}) => ({ state: 'pending', due_at: AT, ...more }) as Delivery;

describe('an endpoint', () => {
  it('is what stands most in its way', () => {
    expect(standingOf(webhook())).toBe('enabled');
    expect(standingOf(webhook({ failing_since: AT }))).toBe('failing');
    expect(standingOf(webhook({ failing_since: AT, rests_until: AT }))).toBe('resting');
    expect(standingOf(webhook({ disabled: { why: 'gone', at: AT }, failing_since: AT }))).toBe('gone');
    expect(standingOf(webhook({ disabled: { why: 'failing', at: AT } }))).toBe('failing_long');
  });
});

describe('a delivery', () => {
  it('that failed before is not simply under way', () => {
    expect(deliveryTone(delivery())).toBe('busy');
    const last = { at: AT, elapsed_ms: 1, status: 500, error: 'no' };
    expect(deliveryTone(delivery({ last }))).toBe('warn');
    expect(deliveryTone(delivery({ last, state: 'failed' }))).toBe('bad');
  });

  it('leads to its message', () => {
    expect(subjectLink(delivery({ subject: 'msg_1' }))).toBe('/messages/msg_1');
    expect(subjectLink(delivery({ subject: 'evt_1' }))).toBeNull();
    expect(subjectLink(delivery())).toBeNull();
  });

  it('moves soon where it is due soon', () => {
    const now = Date.parse(AT);
    expect(moves([delivery()], now - 1000, 2000)).toBe(true);
    expect(moves([delivery()], now - 5000, 2000)).toBe(false);
    expect(moves([delivery({ due_at: null })], now, 2000)).toBe(false);
  });
});

describe('the check for Node.js', () => {
  it('takes what we sign and nothing else', async () => {
    const code = CHECKS.find((one) => one.name === 'Node.js')?.code ?? '';
    const module = `data:text/javascript,${encodeURIComponent(`${code}\nexport { isOurs };`)}`;
    const { isOurs } = (await import(/* @vite-ignore */ module)) as { isOurs: (...of: unknown[]) => boolean };
    const key = Buffer.alloc(32, 7);
    const at = String(Math.floor(Date.now() / 1000));
    const body = Buffer.from('{"type":"webhook.ping"}');
    const signature = createHmac('sha256', key).update(`whd_1.${at}.`).update(body).digest('base64');
    const headers = { 'webhook-id': 'whd_1', 'webhook-timestamp': at, 'webhook-signature': `v1,AAAA v1,${signature}` };
    const secret = `whsec_${key.toString('base64')}`;
    expect(isOurs(secret, headers, body)).toBe(true);
    expect(isOurs(secret, headers, Buffer.from('{}'))).toBe(false);
    expect(isOurs(secret, { ...headers, 'webhook-timestamp': '1700000000' }, body)).toBe(false);
  });
});
