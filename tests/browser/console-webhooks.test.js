'use strict';
// Endpoints in the console: added, tried out, told, mended.

const { after, afterEach, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { createHmac } = require('node:crypto');
const http = require('node:http');
const { Demo, openBrowser } = require('./demo');
const { ConsoleVisit } = require('./visit');

/** A program that is told things, and answers as it is told to. */
class Shop {
  static async open() {
    const shop = new Shop();
    await new Promise((then) => shop.server.listen(0, '127.0.0.1', then));
    shop.url = `http://127.0.0.1:${shop.server.address().port}/hooks`;
    return shop;
  }

  constructor() {
    this.heard = [];
    this.status = 200;
    this.server = http.createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      this.heard.push({ headers: request.headers, body: Buffer.concat(parts) });
      response.writeHead(this.status).end();
    });
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((then) => this.server.close(then));
  }
}

/** Whether a program that holds the secret takes it for ours. */
function verifies(secret, { headers, body }) {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.`;
  const sum = createHmac('sha256', key).update(text).update(body).digest('base64');
  return headers['webhook-signature'].split(' ').includes(`v1,${sum}`);
}

describe('webhooks in the console', { timeout: 120_000 }, () => {
  let demo, browser, shop, visit, page;

  before(async () => {
    [demo, browser, shop] = await Promise.all([Demo.start(), openBrowser(), Shop.open()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.close();
    await shop?.close();
  });
  const open = async (options) => {
    visit = await ConsoleVisit.open(browser, demo, options);
    ({ page } = visit);
  };
  beforeEach(() => open());
  afterEach(() => visit.close());

  /** An endpoint added by the API; its id. */
  const endpoint = async (description) => {
    const made = await demo.api('POST', '/webhooks', { url: shop.url, description });
    return made.id;
  };
  const message = () =>
    demo.send({
      kind: 'template',
      template_id: demo.template('template'),
      data: { thing1: '耳机', time2: '2026-11-20 10:00' },
    });

  it('adds an endpoint, shows its secret once and tries it', async () => {
    await visit.signIn();
    await visit.go('webhooks');
    await page.getByText('还没有端点').waitFor();
    await visit.accessible('empty');
    await visit.button('添加端点').first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('地址').fill('ftp://shop.example.com');
    await dialog.getByRole('button', { name: '添加端点' }).click();
    await dialog.getByText('url 应为 http 或 https 地址').first().waitFor();
    await dialog.getByLabel('地址').fill(shop.url);
    await dialog.getByLabel('说明').fill('商城');
    await dialog.getByLabel('仅限这些').first().check();
    await dialog.getByLabel(/message\.accepted/).check();
    await visit.accessible('form');
    await dialog.getByRole('button', { name: '添加端点' }).click();
    const secret = await dialog.locator('pre.secret').innerText();
    await visit.accessible('secret');
    await dialog.getByRole('button', { name: '关闭' }).last().click();

    await visit.heading('商城').waitFor();
    assert.ok(!(await page.content()).includes(secret.trim()));
    await visit.button('测试').click();
    await page.getByText('测试成功').waitFor();
    await page.getByRole('cell', { name: /^webhook\.ping/ }).waitFor();
    assert.equal(shop.heard.length, 1);
    assert.ok(verifies(secret.trim(), shop.heard[0]));
    await visit.accessible('endpoint');
  });

  it('shows without a reload what an endpoint is told, and what it answers', async () => {
    await visit.signIn();
    const id = await endpoint('实时');
    await visit.go(`webhooks/${id}`);
    await page.getByText('还没有推送').waitFor();
    shop.status = 500;
    const { id: sent } = await message();
    const row = page.getByRole('row').filter({ hasText: 'message.accepted' });
    await row.getByText('等待重试').waitFor();
    await row.getByText('500').waitFor();
    await page.getByText('推送失败').waitFor();
    shop.status = 200;
    await row.getByRole('button', { name: /查看/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(`"id": "${sent}"`).waitFor();
    await visit.accessible('delivery');
    await dialog.getByRole('button', { name: '重新推送' }).click();
    await row.getByText('已收下').waitFor();

    // The message's own story tells it, too.
    await visit.go(`messages/${sent}`);
    await page.getByRole('heading', { name: 'Webhook', exact: true }).waitFor();
    await page.getByRole('link', { name: 'message.accepted' }).first().waitFor();
    await visit.accessible('story');
  });

  it('switches an endpoint off and on, and replaces its secret', async () => {
    await visit.signIn();
    const id = await endpoint('开关');
    await visit.go(`webhooks/${id}`);
    await visit.button('停用').click();
    await page.getByText('已人为停用').waitFor();
    assert.equal(await visit.button('测试').count(), 0);
    await visit.button('启用').click();
    await visit.button('停用').waitFor();
    await visit.button('更换密钥').click();
    await page.getByRole('dialog').getByRole('button', { name: '生成新密钥' }).click();
    await page.locator('pre.secret', { hasText: 'whsec_' }).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: '关闭' }).last().click();
    await page.getByText('旧密钥有效期至').waitFor();
    page.once('dialog', (asked) => asked.accept());
    await visit.button('删除').click();
    await visit.heading('Webhook').waitFor();
    assert.equal(await page.getByText('开关').count(), 0);
  });

  it('fits a phone, dark and in English, and lets viewers look', async () => {
    const id = await endpoint('small');
    await demo.api('POST', `/webhooks/${id}/ping`);
    await visit.close();
    await open({ locale: 'en-US', colorScheme: 'dark', viewport: { width: 390, height: 844 } });
    await visit.signIn({ name: 'vic', password: 'looking and nothing else' }, 'viewer');
    for (const place of ['webhooks', `webhooks/${id}`]) {
      await visit.go(place);
      await page.getByText('small').first().waitFor();
      assert.equal(await visit.overflow(), 0, place);
      await visit.accessible(place);
      for (const name of ['Add an endpoint', 'Switch off', 'New secret', 'Try it']) {
        assert.equal(await visit.button(name).count(), 0, name);
      }
    }
  });
});
