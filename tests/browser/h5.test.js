'use strict';
// The pages that people see inside WeChat, in a real browser: every walk leads over
// the sandbox's pages, which stand for WeChat's, and back.

const { after, afterEach, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { Demo, openBrowser } = require('./demo');

describe('H5', { timeout: 60_000 }, () => {
  let demo, browser, context, page, complaints;

  before(async () => {
    [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.close();
  });
  beforeEach(async () => {
    context = await browser.newContext({ locale: 'zh-CN' });
    page = await context.newPage();
    page.setDefaultTimeout(10_000);
    // What the pages' own policies forbid shows up here.
    complaints = [];
    page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
  });
  afterEach(async () => {
    await context.close();
    const real = complaints.filter((text) => !text.includes('favicon'));
    assert.deepEqual(real, []);
  });

  /** On the sandbox's page that asks who holds the phone. */
  const choosePerson = () => page.click(`[data-person="${demo.person.person_id}"]`);
  const decide = (word) => page.click(`button[value="${word}"]`);
  const oneTime = (scene) => ({
    kind: 'one_time',
    template_id: demo.template('one_time'),
    scene,
    title: '到货通知',
    data: { content: '您订阅的商品到货了' },
  });

  it('lets a person subscribe to one message, which then arrives', async () => {
    const template_id = demo.template('one_time');
    const next = `${demo.sandbox}/?from=shop`;
    await page.goto(demo.page('subscribe', { template_id, scene: 7, next }));
    assert.match(page.url(), /\/mp\/subscribemsg\?action=get_confirm/);
    await choosePerson();
    await decide('confirm');
    await page.waitForURL((url) => url.searchParams.get('from') === 'shop');
    const landed = new URL(page.url());
    assert.equal(landed.searchParams.get('action'), 'confirm');
    assert.equal(landed.searchParams.get('scene'), '7');
    assert.equal(landed.searchParams.get('openid'), null, 'the shop need not know');

    const message = await demo.send(oneTime(7));
    assert.equal(message.status, 'accepted', JSON.stringify(message));
    const [card] = await demo.inbox();
    assert.equal(card.title, '到货通知');
    assert.match(card.lines.join(), /到货了/);
    const second = await demo.send(oneTime(7));
    assert.equal(second.attempts.at(-1).withheld.reason, 'no_consent_left');
  });

  it('shows a page of its own where no other follows', async () => {
    const template_id = demo.template('one_time');
    await page.goto(demo.page('subscribe', { template_id, scene: 8 }));
    await choosePerson();
    await decide('confirm');
    await page.getByRole('heading', { name: '订阅成功' }).waitFor();
    // A phone that asks twice is told the same, and the consent counts once.
    await page.reload();
    await page.getByRole('heading', { name: '订阅成功' }).waitFor();
    const grant = (await demo.grants()).find((one) => one.scene === 8);
    assert.equal(grant.left, 1);
  });

  it('gives no consent when the person cancels', async () => {
    const template_id = demo.template('one_time');
    await page.goto(demo.page('subscribe', { template_id, scene: 9 }));
    await choosePerson();
    await decide('cancel');
    await page.getByRole('heading', { name: '未订阅' }).waitFor();
    const scenes = (await demo.grants()).map((grant) => grant.scene);
    assert.ok(!scenes.includes(9), scenes.join());
  });

  for (const scope of ['snsapi_base', 'snsapi_userinfo']) {
    it(`tells the shop who a person is by a ticket (${scope})`, async () => {
      const next = `${demo.sandbox}/?from=login`;
      await page.goto(demo.page('oauth', { scope, next }));
      assert.match(page.url(), /\/connect\/oauth2\/authorize\?appid=/);
      await choosePerson();
      if (scope === 'snsapi_userinfo') await decide('allow');
      await page.waitForURL((url) => url.searchParams.get('from') === 'login');
      const landed = new URL(page.url());
      assert.equal(landed.searchParams.get('code'), null);
      const ticket = landed.searchParams.get('ticket');
      const holder = await demo.api('POST', '/accounts/demo-oa/oauth-ticket', { ticket });
      assert.equal(holder.openid, demo.openid);
      // WeChat tells it only to whom the person allowed it.
      if (scope === 'snsapi_userinfo') assert.equal(holder.unionid, demo.person.unionid);
      const again = demo.api('POST', '/accounts/demo-oa/oauth-ticket', { ticket });
      await assert.rejects(again, /unknown_ticket/);
    });
  }

  it('never takes a stand-in for a person', async () => {
    const next = `${demo.sandbox}/?from=login`;
    await page.goto(demo.page('oauth', { scope: 'snsapi_userinfo', next }));
    await choosePerson();
    await page.check('input[name="snapshot"]');
    await decide('allow');
    await page.getByRole('heading', { name: '请使用完整服务' }).waitFor();
    complaints = complaints.filter((text) => !text.includes('403'));
  });

  it('asks for notices with the open tag and counts the consent', async () => {
    const template_id = demo.template('notification');
    const notice = {
      kind: 'notification',
      template_id,
      data: { thing1: '书法入门', time2: '2026-11-20 10:00' },
    };
    await page.goto(demo.page('subscribe-tag', { template_id }));
    const say = page.locator('#say');
    const button = page.locator('wx-open-subscribe button');
    const popup = page.locator('#sandbox-subscribe');

    // Changed their mind.
    await button.click();
    await popup.locator('#sandbox-cancel').click();
    await say.getByText('您未订阅').waitFor();

    await button.click();
    await popup.locator('#sandbox-person').selectOption(demo.person.person_id);
    await popup.locator('#sandbox-allow').click();
    await say.getByText('订阅成功').waitFor();
    const known = async () => (await demo.grants()).find((one) => one.template_id === template_id);
    // The consent comes as a callback, in its own time.
    for (let look = 0; !(await known()) && look < 200; look++) await page.waitForTimeout(25);
    assert.equal((await known()).left, 1);

    const message = await demo.send(notice);
    assert.ok(['accepted', 'delivered'].includes(message.status), JSON.stringify(message));
    assert.equal((await demo.inbox())[0].kind, 'notification');
    const second = await demo.send(notice);
    assert.equal(second.attempts.at(-1).withheld.reason, 'no_consent_left');
  });

  it('says in the language of the phone that a link is not complete', async () => {
    await page.goto(demo.page('subscribe', { template_id: 'x', scene: 'many' }));
    await page.getByRole('heading', { name: '链接不完整' }).waitFor();
    const english = await browser.newContext({ locale: 'en-US' });
    const other = await english.newPage();
    await other.goto(demo.page('oauth', { next: 'https://evil.example' }));
    await other.getByRole('heading', { name: 'not complete' }).waitFor({ timeout: 10_000 });
    await english.close();
    complaints = complaints.filter((text) => !text.includes('400'));
  });
});
