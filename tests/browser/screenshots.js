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

/** Until nothing is asked for any more; the stream of happenings never ends. */
async function settled(page) {
  await page.locator('main h1').waitFor();
  await page.waitForLoadState('networkidle').catch(() => undefined);
  await page.evaluate(() => document.fonts.ready);
}

async function pagesOfConsole(visit) {
  await visit.go('overview');
  await settled(visit.page);
  const links = await visit.page.locator('nav a[href^="#/"]').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
  return [...new Set(links.map((link) => link.slice(2)))];
}

async function takeConsole(browser, demo, life, { locale, suffix }) {
  const visit = await ConsoleVisit.open(browser, demo, { locale, viewport: SIZE });
  const { page } = visit;
  await visit.signIn();
  const take = async (address, name, before = async () => {}) => {
    await visit.go(address);
    await settled(page);
    await before();
    await keep(page, `console-${name}${suffix}`);
  };
  const pages = await pagesOfConsole(visit);
  for (const one of pages) {
    // What belongs to one account shows the one with the most in it.
    await visit.choose(one === 'overview' ? '' : 'demo-oa');
    await take(one, one.replaceAll('/', '-'), async () => {
      if (one === 'overview') await page.locator('select.span').selectOption('1');
      if (one === 'overview') await page.waitForTimeout(400);
    });
  }
  await visit.choose('demo-oa');
  await take(`send?kind=template&template_id=${demo.template('template')}&openid=${demo.openid}`, 'send', async () => {
    await page.locator('input[name=thing1]').fill('鸿雁传书限定版毛笔');
    await page.locator('input[name=time2]').fill('2026-11-20 10:00');
    await page.locator('article').first().waitFor();
  });
  await take(`messages/${life.refused.id}`, 'message-refused');
  await take(`messages/${life.rerouted.id}`, 'message-rerouted');
  await take('accounts/demo-oa', 'account');
  await take('accounts/new', 'account-new');
  await visit.context.close();

  const dark = await ConsoleVisit.open(browser, demo, { locale, viewport: SIZE, colorScheme: 'dark' });
  await dark.signIn();
  await dark.go('overview');
  await settled(dark.page);
  await keep(dark.page, `console-dark${suffix}`);
  await dark.context.close();
  const small = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const hand = await ConsoleVisit.open(browser, demo, { locale, ...small });
  await hand.signIn();
  await hand.go('messages');
  await settled(hand.page);
  await keep(hand.page, `console-in-the-hand${suffix}`);
  await hand.context.close();
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
