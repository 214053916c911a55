'use strict';
// The console in a real browser, beside the real demo.

const { after, afterEach, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { Demo, openBrowser } = require('./demo');
const { ADMIN, ConsoleVisit } = require('./visit');

const VIEWER = { name: 'vera', password: 'looking and nothing else' };
const PAGES = [
  'overview',
  'messages',
  'send',
  'accounts',
  'accounts/new',
  'accounts/demo-oa',
  'keys',
  'settings',
  'errcodes',
];

describe('console', { timeout: 180_000 }, () => {
  let demo, browser, visit, context, page;

  before(async () => {
    [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.close();
  });
  const open = async (options) => {
    visit = await ConsoleVisit.open(browser, demo, options);
    ({ context, page } = visit);
  };
  beforeEach(() => open());
  afterEach(() => visit.close());

  const go = (path) => visit.go(path);
  const heading = (name) => visit.heading(name);
  const button = (name) => visit.button(name);
  const choose = (account) => visit.choose(account);
  const fillSignIn = (who) => visit.fillSignIn(who);
  const signIn = (who, role) => visit.signIn(who, role);
  const accessible = (where) => visit.accessible(where);

  it('lets the first person in by the printed link, and nobody by it again', async () => {
    const link = await demo.setupLink();
    await page.goto(link);
    await heading('初始化控制台').waitFor();
    await accessible('setup');
    await page.locator('input[name=username]').fill(ADMIN.name);
    await page.locator('input[name=password]').fill('short');
    await page.getByText('还差 5 个').waitFor();
    await page.locator('input[name=password]').fill(ADMIN.password);
    await page.locator('input[name=again]').fill(ADMIN.password);
    await button('创建并登录').click();
    await heading('概览').waitFor();
    assert.ok(!page.url().includes('setup'));

    await button('退出登录').click();
    await heading('登录').waitFor();
    await accessible('sign-in');
    await fillSignIn({ ...ADMIN, password: 'not the password' });
    await page.getByRole('alert').waitFor();
    await fillSignIn(ADMIN);
    await heading('概览').waitFor();

    const session = (await context.cookies()).find((cookie) => cookie.httpOnly);
    assert.equal(session.sameSite, 'Strict');
    await context.clearCookies();
    await page.goto('about:blank');
    await page.goto(link);
    await page.getByText('控制台已经初始化').waitFor();
  });

  it('asks whoever comes without a session to sign in, and then shows what they came for', async () => {
    await signIn();
    await context.clearCookies();
    await page.goto('about:blank');
    await go('errcodes?q=43004');
    await heading('登录').waitFor();
    await fillSignIn(ADMIN);
    await page.getByText('require subscribe').waitFor();
  });

  it('sends a message that is checked while it is written, and tells its story', async () => {
    await signIn();
    await go('send');
    await choose('demo-oa');
    await page.getByLabel('模板', { exact: true }).selectOption({ label: '订单发货通知' });
    await page.locator('input[name=to]').fill(demo.openid);
    await page.locator('input[name=thing1]').fill('一支写得很好很好很好很好很好很好的毛笔');
    await page.locator('input[name=time2]').fill('明天');
    await page.locator('input[name=time2]').blur();
    await page.getByText('time2（发货时间）不符合').waitFor();
    await button('发送').click();
    assert.equal((await demo.inbox()).some((item) => JSON.stringify(item).includes('毛笔')), false);

    await page.locator('input[name=thing1]').fill('控制台的毛笔');
    await page.locator('input[name=time2]').fill('2026-11-20 10:00');
    await page.getByText('可以发送').waitFor();
    await page.locator('article', { hasText: '控制台的毛笔' }).waitFor();
    assert.match(await page.locator('pre').innerText(), /控制台的毛笔/);
    await button('发送').click();
    await page.getByRole('link', { name: '查看全部经过' }).click();
    await heading('订单发货通知').waitFor();
    await page.locator('.story .success').waitFor();
    assert.ok((await demo.inbox()).some((item) => JSON.stringify(item).includes('控制台的毛笔')));
  });

  it('says why a message was refused, and finds it by its code', async () => {
    await signIn();
    const refused = await demo.send({
      kind: 'template',
      to: { openid: 'oNobodyOfThisAccount00000000' },
      template_id: demo.template('template'),
      data: { thing1: '毛笔', time2: '2026-11-20 10:00' },
      reference: 'refused-one',
    });
    assert.equal(refused.errcode, 40003);
    await go('messages?errcode=40003');
    await page.getByText('refused-one').click();
    await page.getByRole('heading', { name: '为什么没有送达？' }).waitFor();
    await page.locator('.answer', { hasText: refused.diagnosis.meaning_zh }).waitFor();
    await page.getByText(`rid ${refused.attempts[0].rid}`).waitFor();
    await button('重新发送').click();
    await page.getByText('第 2 次调用微信').waitFor();
    await go('overview');
    // What was counted is written down every ten seconds.
    await page.getByText(refused.diagnosis.fix_zh).first().waitFor({ timeout: 20_000 });
  });

  it('shows what happens as it happens', async () => {
    await signIn();
    await go('messages');
    await heading('消息记录').waitFor();
    await demo.send({
      kind: 'template',
      template_id: demo.template('template'),
      data: { thing1: '刚刚发生', time2: '2026-11-20 10:00' },
    });
    await page.locator('tr', { hasText: '刚刚发生' }).getByText('已送达').waitFor();
  });

  it('speaks both languages and has both themes, and remembers them', async () => {
    await signIn();
    await heading('概览').waitFor();
    await button('English').click();
    await heading('Overview').waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await button('Theme: like the system').click();
    const light = await background();
    await button('Theme: light').click();
    await button('Theme: dark').waitFor();
    assert.notEqual(await background(), light);
    await page.reload();
    await heading('Overview').waitFor();
    await button('Theme: dark').waitFor();
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
  });

  it('speaks English where the browser does not ask for Chinese', async () => {
    await context.close();
    await open({ locale: 'en-GB' });
    await go('sign-in');
    await heading('Sign in').waitFor();
  });

  it('hides from viewers what they may not do', async () => {
    await signIn(VIEWER, 'viewer');
    const names = await page.locator('nav').innerText();
    assert.match(names, /概览/);
    assert.doesNotMatch(names, /发送消息|API 密钥/);
    await go('keys');
    await page.getByText('你没有查看此页面的权限').waitFor();
  });

  it('makes a key that works, shows it once, and takes it back', async () => {
    await signIn();
    await go('keys');
    await button('新建密钥').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('名称').fill('shop backend');
    await dialog.getByRole('button', { name: '新建密钥' }).click();
    const key = (await dialog.locator('.key').innerText()).trim();
    const asks = () =>
      fetch(`${demo.gateway}/v1/accounts`, { headers: { Authorization: `Bearer ${key}` } });
    assert.equal((await asks()).status, 200);
    await dialog.getByRole('button', { name: '关闭' }).last().click();
    assert.ok(!(await page.content()).includes(key));
    page.once('dialog', (question) => question.accept());
    await button('删除 shop backend').click();
    await page.getByText('密钥已删除').waitFor();
    assert.equal((await asks()).status, 401);
  });

  it('adds an account step by step', async () => {
    const made = await demo.control('POST', '/accounts', { kind: 'official_account' });
    await signIn();
    await go('accounts/new');
    await page.locator('input[name=name]').fill('second');
    await page.locator('input[name=appid]').fill(made.appid);
    await page.locator('input[name=secret]').fill(made.secret);
    await button('添加账号并继续').click();
    await page.locator('li', { hasText: '接口凭证' }).getByText('通过').waitFor();
    await button('下一步').click();
    await button('生成 Token 和密钥').click();
    await page.getByText('等待微信中').waitFor();
    const account = await demo.api('GET', '/accounts/second');
    assert.deepEqual(
      [account.callback.has_token, account.callback.has_encoding_aes_key],
      [true, true],
    );
    await button('下一步').click();
    await button('列出模板').click();
    await page.getByText('账号还没有模板').waitFor();
  });

  for (const colorScheme of ['light', 'dark']) {
    it(`is accessible on every page, ${colorScheme}`, async () => {
      await context.close();
      await open({ colorScheme });
      await signIn();
      await choose('demo-oa');
      for (const path of PAGES) {
        await go(path);
        await page.locator('main h1').waitFor();
        await page.waitForLoadState('load');
        await accessible(path);
      }
    });
  }

  it('fits a phone', async () => {
    await context.close();
    await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await signIn();
    await choose('demo-oa');
    for (const path of PAGES) {
      await go(path);
      await page.locator('main h1').waitFor();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 390, `${path} is ${wide} wide`);
    }
    await button('打开菜单').click();
    await page.locator('nav').getByText('错误码').click();
    await heading('错误码').waitFor();
  });

  it('is small enough to come fast', async () => {
    let bytes = 0;
    page.on('response', async (response) => {
      const kept = response.headers()['content-length'];
      if (/\.(js|css|svg)$/.test(response.url())) bytes += Number(kept ?? 0);
    });
    await signIn();
    await heading('概览').waitFor();
    assert.ok(bytes > 0 && bytes < 300_000, `${bytes} bytes`);
  });
});
