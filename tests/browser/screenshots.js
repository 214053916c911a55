'use strict';
// Takes the pictures of docs/images: every page of the console and the phone, from a
// demo with some life in it. `node tests/browser/screenshots.js [folder]`.

const fs = require('node:fs');
const path = require('node:path');
const { Demo, openBrowser } = require('./demo');
const { liven } = require('./life');
const { ConsoleVisit, Visit } = require('./visit');

const FOLDER = path.resolve(process.argv[2] ?? path.join(__dirname, '../../docs/images'));
const SIZE = { width: 1280, height: 800 };
/** So that a README with a dozen of them still comes fast. */
const MOST_BYTES = 60_000;
const QUALITIES = [82, 70, 55, 40];
const LANGUAGES = [
  { locale: 'en-GB', suffix: '', words: { phones: 'Traffic', back: 'Back', discover: 'Discover', request: 'Ask for consent', accounts: 'Accounts', faults: 'Faults', time: 'Time and quotas' } },
  { locale: 'zh-CN', suffix: '.zh', words: { phones: '流量', back: '返回', discover: '发现', request: '请求订阅', accounts: '账号', faults: '故障', time: '时钟与额度' } },
];

async function keep(page, name) {
  const session = await page.context().newCDPSession(page);
  for (const quality of QUALITIES) {
    const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality });
    const picture = Buffer.from(data, 'base64');
    if (picture.length > MOST_BYTES && quality !== QUALITIES.at(-1)) continue;
    fs.writeFileSync(path.join(FOLDER, `${name}.webp`), picture);
    console.log(`${name}.webp  ${Math.ceil(picture.length / 1000)} kB`);
    break;
  }
  await session.detach();
}

/** How long nothing may be asked for before a page counts as whole. */
const QUIET_MS = 400;

/** Notes what a page asks for; the stream of happenings never ends and does not count. */
function watch(page) {
  let open = 0;
  let last = Date.now();
  const counts = (request) => !request.url().includes('/v1/events');
  const count = (by) => (request) => {
    if (!counts(request)) return;
    open += by;
    last = Date.now();
  };
  page.on('request', count(1));
  page.on('requestfinished', count(-1));
  page.on('requestfailed', count(-1));
  return async () => {
    await page.locator('main h1').waitFor();
    while (open > 0 || Date.now() - last < QUIET_MS) await page.waitForTimeout(50);
  };
}

/** A visit that is signed in and goes to whole pages. */
async function enter(browser, demo, options) {
  const visit = await ConsoleVisit.open(browser, demo, { viewport: SIZE, ...options });
  visit.page.setDefaultTimeout(30_000);
  const settled = watch(visit.page);
  await visit.signIn();
  return {
    visit,
    page: visit.page,
    go: async (address) => {
      // From nothing, so that no other page is taken for it.
      await visit.page.goto('about:blank');
      await visit.go(address);
      await settled();
    },
    settled,
  };
}

async function takeConsole(browser, demo, life, { locale, suffix }) {
  const { visit, page, go, settled } = await enter(browser, demo, { locale });
  const take = async (address, name, before = async () => {}) => {
    await go(address);
    await before();
    await settled();
    await keep(page, `console-${name}${suffix}`);
  };
  await go('overview');
  const links = page.locator('nav a[href^="#/"]');
  const pages = await links.evaluateAll((all) => all.map((link) => link.getAttribute('href').slice(2)));
  for (const one of new Set(pages)) {
    if (one === 'overview') {
      await take(one, 'first-steps');
      await page.locator('section[aria-label] .icon-button').click();
      await take(one, one, () => page.locator('select.span').selectOption('1'));
    }
    if (one !== 'overview' && one !== 'send') await take(one, one);
    // What belongs to one account shows the one with the most in it.
    if (one === 'overview') await visit.choose(demo.account.name);
  }
  await take(`send?kind=template&template_id=${demo.template('template')}&openid=${demo.openid}`, 'send', async () => {
    await page.locator('input[name=thing1]').fill('鸿雁传书限定版毛笔');
    await page.locator('input[name=time2]').fill('2026-11-20 10:00');
    await page.locator('article', { hasText: '鸿雁传书' }).waitFor();
    await page.locator('.field.invalid').waitFor({ state: 'hidden' });
  });
  await take(`broadcasts/${life.broadcast.id}`, 'broadcast');
  await take(`messages/${life.refused.id}`, 'message-refused');
  await take(`messages/${life.rerouted.id}`, 'message-rerouted');
  await take(`accounts/${demo.account.name}`, 'account');
  await take('accounts/new', 'account-new');
  await visit.context.close();

  const dark = await enter(browser, demo, { locale, colorScheme: 'dark' });
  await dark.go('overview');
  await keep(dark.page, `console-dark${suffix}`);
  await dark.visit.context.close();
  const small = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const hand = await enter(browser, demo, { locale, ...small });
  await hand.go('messages');
  await keep(hand.page, `console-in-the-hand${suffix}`);
  await hand.visit.context.close();
}

async function takePhone(browser, demo, { locale, suffix, words }) {
  const visit = await Visit.open(browser, { locale, viewport: SIZE });
  const { page } = visit;
  await page.goto(`${demo.sandbox}/`);
  await page.getByRole('tab', { name: words.phones }).waitFor();
  await page.locator('.people .one', { hasText: demo.person.nickname }).click();
  const phone = page.locator('.frame');
  const take = (name) => keep(page, `phone-${name}${suffix}`);
  await phone.locator('[data-chat]').first().waitFor();
  await take('chats');
  await phone.locator(`[data-chat="${demo.account.appid}"]`).click();
  await phone.locator('article').last().waitFor();
  await page.locator('.call').first().click();
  await take('chat');
  await phone.getByRole('button', { name: words.back }).first().click();
  await phone.getByRole('navigation').getByRole('button', { name: words.discover }).click();
  await phone.getByRole('button', { name: '鸿雁演示小程序' }).click();
  await phone.locator('fieldset label', { hasText: '取餐提醒' }).click();
  await phone.getByRole('button', { name: words.request }).click();
  await phone.getByRole('dialog').waitFor();
  await page.getByRole('tab', { name: words.time }).click();
  await take('consent');
  await page.getByRole('tab', { name: words.faults }).click();
  await take('faults');
  await page.getByRole('tab', { name: words.accounts }).click();
  await take('accounts');
  await visit.context.close();
}

async function main() {
  fs.mkdirSync(FOLDER, { recursive: true });
  const [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
  try {
    const life = await liven(demo);
    for (const language of LANGUAGES) {
      await takeConsole(browser, demo, life, language);
      await takePhone(browser, demo, language);
    }
  } finally {
    await browser.close();
    await demo.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
