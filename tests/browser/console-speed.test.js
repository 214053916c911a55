'use strict';
// How fast the console comes, and how it fares with very many messages.

const { after, before, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { Demo, openBrowser } = require('./demo');
const { ConsoleVisit } = require('./visit');

/** Compressed, all that the first page needs. */
const BYTES = 300_000;
/** From the first request until the first page can be used. */
const MS = 1000;
/** One slow load says something about the machine, all of them about the console. */
const LOADS = 5;
const MESSAGES = 3000;
const PAGE = 50;

describe('console: speed', { timeout: 180_000 }, () => {
  let demo, browser;

  before(async () => {
    [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.close();
  });

  it('has its first page within a second, and below 300 kB', async () => {
    const visit = await ConsoleVisit.open(browser, demo);
    const { page } = visit;
    await visit.signIn();
    const took = [];
    let bytes = 0;
    for (let load = 0; load < LOADS; load += 1) {
      await page.goto('about:blank');
      const network = await visit.context.newCDPSession(page);
      await network.send('Network.enable');
      // As for somebody who comes for the first time.
      await network.send('Network.clearBrowserCache');
      bytes = 0;
      network.on('Network.loadingFinished', (one) => (bytes += one.encodedDataLength));
      await visit.go('overview');
      // It can be used as soon as its buttons are there.
      await page.locator('main h1', { hasText: '概览' }).waitFor();
      took.push(await page.evaluate(() => performance.now()));
      await page.locator('.tiles dd').first().waitFor();
      await network.detach();
    }
    assert.ok(bytes > 20_000 && bytes < BYTES, `${bytes} bytes`);
    assert.ok(Math.min(...took) < MS, `${took.map(Math.round)} ms`);
    await visit.close();
  });

  it('pages through very many messages without slowing, and asks once per page', async () => {
    const template_id = demo.template('template');
    const to = { openid: demo.openid };
    // Far away, so that nothing moves while they are read.
    const send_at = new Date(Date.now() + 30 * 86_400_000).toISOString();
    const data = { thing1: '毛笔', time2: '2026-11-20 10:00' };
    const one = { account: 'demo-oa', kind: 'template', to, template_id, data, send_at };
    for (let made = 0; made < MESSAGES; made += 1000) {
      await demo.api('POST', '/messages/batch', { messages: Array(1000).fill(one) });
    }
    const visit = await ConsoleVisit.open(browser, demo);
    const { page } = visit;
    const asked = [];
    page.on('response', (response) => {
      if (response.url().includes(`/v1/messages?limit=${PAGE}`)) asked.push(response);
    });
    await visit.signIn();
    await visit.go('messages');
    const rows = page.locator('tbody tr');
    const shown = (count) => page.waitForFunction((n) => document.querySelectorAll('tbody tr').length >= n, count);
    await shown(PAGE);
    const took = [];
    for (let pages = 2; pages <= MESSAGES / PAGE / 2; pages += 1) {
      await visit.button('显示更多').click();
      await shown(pages * PAGE);
      const { requestStart, responseEnd } = asked.at(-1).request().timing();
      took.push(responseEnd - requestStart);
    }
    const middle = (times) => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];
    const [early, late] = [middle(took.slice(0, 10)), middle(took.slice(-10))];
    assert.ok(late < 3 * early + 20, `from ${early} to ${late} ms a page`);
    // What was taken in may still be told of while the first page is there.
    const pages = MESSAGES / PAGE / 2;
    assert.ok(asked.length >= pages && asked.length <= pages + 2, `${asked.length} requests`);
    // Nothing twice, nothing left out.
    const links = await rows.locator('a').evaluateAll((all) => all.map((link) => link.href));
    assert.equal(new Set(links).size, (MESSAGES / 2 / PAGE) * PAGE);
    await visit.close();
  });

  it('asks calmly, however much happens', async () => {
    const visit = await ConsoleVisit.open(browser, demo);
    const { page } = visit;
    await visit.signIn();
    await visit.go('messages');
    await visit.heading('消息记录').waitFor();
    let asked = 0;
    page.on('request', (request) => {
      // What happens comes by the one stream; this is what the page asks for because of it.
      if (request.url().includes('/v1/') && !request.url().endsWith('/v1/events')) asked += 1;
    });
    const began = Date.now();
    const one = {
      account: 'demo-oa',
      kind: 'template',
      to: { openid: demo.openid },
      template_id: demo.template('template'),
      data: { thing1: '许多', time2: '2026-11-20 10:00' },
    };
    const { results } = await demo.api('POST', '/messages/batch', { messages: Array(600).fill(one) });
    assert.equal(results.length, 600);
    await page.locator('tbody tr', { hasText: '许多' }).first().getByText('已送达').waitFor({ timeout: 30_000 });
    const most = (Date.now() - began) / 2000 + 2;
    assert.ok(asked >= 1 && asked <= most, `${asked} requests, ${most} at most`);
    await visit.close();
  });
});
