'use strict';
// The browser inside the phone: pages of the gateway, of WeChat's stand-in and of a
// shop, for the person who holds the phone.

const { after, afterEach, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { Demo, openBrowser } = require('./demo');
const { Visit } = require('./visit');

/** A shop with one page that has the JS-SDK, and one that nobody may frame. */
class Shop {
  static async open(demo) {
    const shop = new Shop(demo);
    shop.server.listen(0, '127.0.0.1');
    await once(shop.server, 'listening');
    shop.origin = `http://127.0.0.1:${shop.server.address().port}`;
    const origins = { js_origins: [demo.sandbox, shop.origin], redirects: [demo.sandbox, shop.origin] };
    await demo.api('PATCH', '/accounts/demo-oa', origins);
    return shop;
  }

  constructor(demo) {
    this.demo = demo;
    this.server = http.createServer((request, response) => void this.#answer(request, response));
  }

  async #answer(request, response) {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    if (request.url === '/alone') {
      response.setHeader('X-Frame-Options', 'DENY');
      response.end('<h1>alone</h1>');
      return;
    }
    if (request.url.startsWith('/plain')) {
      response.end('<h1>无标题的页面</h1>');
      return;
    }
    const url = `${this.origin}${request.url}`;
    const signed = await this.demo.api('POST', '/accounts/demo-oa/jssdk-signature', { url });
    response.end(`<!doctype html><title>雁字小店</title>
      <script src="${this.demo.sandbox}/open/js/jweixin-1.6.0.js"></script>
      <h1>小店</h1><p id="state"></p><a href="/plain">下一页</a><button onclick="wx.closeWindow()">离开</button>
      <script>
        wx.config({ ...${JSON.stringify(signed)}, jsApiList: ['closeWindow'] });
        wx.ready(() => { document.title = '雁字小店 · 营业中'; });
        wx.error((error) => { document.getElementById('state').textContent = error.errMsg; });
      </script>`);
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('the browser of the phone', { timeout: 120_000 }, () => {
  let demo, browser, shop, visit, context, page;

  before(async () => {
    [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
    shop = await Shop.open(demo);
  });
  after(async () => {
    shop?.close();
    await browser?.close();
    await demo?.close();
  });
  beforeEach(async () => {
    visit = await Visit.open(browser, { viewport: { width: 1360, height: 900 } });
    ({ context, page } = visit);
    await page.goto(`${demo.sandbox}/`);
    await page.locator('.people .one', { hasText: demo.person.nickname }).click();
  });
  afterEach(() => visit.close());

  const phone = () => page.locator('.frame');
  const inside = () => phone().frameLocator('iframe');
  const press = (name) => phone().getByRole('button', { name, exact: true }).click();
  const titled = (name) => phone().getByRole('heading', { name }).waitFor();
  /** By the field that takes any address. */
  const visitPage = async (url) => {
    await phone().getByRole('navigation').getByRole('button', { name: '发现' }).click();
    await phone().getByRole('textbox', { name: '输入网址' }).fill(url);
    await press('打开');
  };

  it('opens the link of a card, asks this person, and their message comes', async () => {
    const template_id = demo.template('one_time');
    const url = demo.page('subscribe', { template_id, scene: 21 });
    const data = { thing1: '毛笔', time2: '2026-11-20 10:00' };
    await demo.send({ kind: 'template', template_id: demo.template('template'), data, url });
    await phone().locator(`[data-chat="${demo.account.appid}"]`).click();
    await phone().locator('article', { hasText: '毛笔' }).getByRole('button', { name: '详情' }).click();
    // Nobody asks who it is: the phone is in this person's hand.
    await inside().getByText(`以 ${demo.person.nickname} 的身份`).waitFor();
    await inside().getByRole('heading', { name: '鸿雁演示号' }).waitFor();
    await titled('一次性订阅');
    await visit.accessible();
    await inside().getByRole('button', { name: '同意' }).click();
    await inside().getByRole('heading', { name: '订阅成功' }).waitFor();
    // Back to the question, and then out to the chat; the phone itself stays.
    await press('返回');
    await inside().getByRole('button', { name: '同意' }).waitFor();
    await press('返回');
    await phone().getByRole('log').waitFor();
    assert.equal(page.url(), `${demo.sandbox}/`);
    const message = { kind: 'one_time', template_id, scene: 21, title: '到货通知' };
    await demo.send({ ...message, data: { content: '您订阅的商品到货了' } });
    await phone().locator('article', { hasText: '到货了' }).waitFor();
  });

  it('tells a shop who holds the phone', async () => {
    const [, other] = await demo.control('GET', '/people').then((all) => all.items);
    await page.locator('.people .one', { hasText: other.nickname }).click();
    await visitPage(demo.page('oauth', { scope: 'snsapi_userinfo', next: `${shop.origin}/plain` }));
    await inside().getByText(`以 ${other.nickname} 的身份`).waitFor();
    await inside().getByRole('button', { name: '允许' }).click();
    await inside().getByText('无标题的页面').waitFor();
    const landed = page.frames().find((one) => one.url().startsWith(shop.origin));
    const ticket = new URL(landed.url()).searchParams.get('ticket');
    const holder = await demo.api('POST', '/accounts/demo-oa/oauth-ticket', { ticket });
    assert.equal(holder.openid, other.openids[demo.account.appid]);
  });

  it('lets the open tag ask for notices', async () => {
    const template_id = demo.template('notification');
    await visitPage(demo.page('subscribe-tag', { template_id }));
    await titled('订阅通知');
    await inside().getByRole('button', { name: '订阅' }).click();
    const popup = inside().locator('#sandbox-subscribe');
    await popup.getByText('鸿雁演示号 申请').waitFor();
    assert.equal(await popup.locator('select').count(), 0, 'the phone is in somebody’s hand');
    await popup.getByRole('button', { name: '允许' }).click();
    await inside().getByText('订阅成功').waitFor();
    await press('关闭');
    await phone().getByRole('navigation').getByRole('button', { name: '通讯录' }).click();
    await phone().locator(`[data-account="${demo.account.appid}"]`).click();
    await phone().getByText('还可发 1 条').waitFor();
  });

  it('shows what a page with the JS-SDK calls itself, and closes for it', async () => {
    await visitPage(`${shop.origin}/`);
    await titled('雁字小店 · 营业中');
    assert.equal(await inside().locator('#state').innerText(), '');
    await inside().getByRole('link', { name: '下一页' }).click();
    await inside().getByText('无标题的页面').waitFor();
    await titled(new URL(shop.origin).host);
    await press('返回');
    await titled('雁字小店 · 营业中');
    await inside().getByRole('button', { name: '离开' }).click();
    await phone().getByRole('textbox', { name: '输入网址' }).waitFor();
    assert.equal(await phone().locator('iframe').count(), 0);
  });

  it('says what to do about pages that refuse frames', async () => {
    await visitPage(`${shop.origin}/alone`);
    await phone().getByText('有的网站不许嵌入').waitFor();
    const [own] = await Promise.all([context.waitForEvent('page'), press('在新窗口打开')]);
    await own.getByRole('heading', { name: 'alone' }).waitFor();
    await own.close();
    await press('关闭');
    // Of the gateway it is known.
    const [docs] = await Promise.all([context.waitForEvent('page'), visitPage(`${demo.gateway}/docs`)]);
    await docs.close();
    await phone().getByText('网页已在新窗口打开').waitFor();
    await visit.accessible();
    visit.complaints = visit.complaints.filter((one) => !/X-Frame-Options/.test(one));
  });

  it('stands under its own address, whatever the machine was called', async () => {
    await page.goto(`${demo.sandbox.replace('127.0.0.1', 'localhost')}/`);
    await page.waitForURL(`${demo.sandbox}/`);
  });
});
