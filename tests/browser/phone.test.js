'use strict';
// The sandbox's phone and its inspector in a real browser, beside the real demo.

const { after, afterEach, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { Demo, openBrowser } = require('./demo');
const { Visit } = require('./visit');


describe('phone', { timeout: 120_000 }, () => {
  let demo, browser, visit, context, page;

  before(async () => {
    [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.close();
  });
  const open = async (options) => {
    visit = await Visit.open(browser, { viewport: { width: 1360, height: 900 }, ...options });
    ({ context, page } = visit);
    await page.goto(`${demo.sandbox}/`);
    await page.getByRole('status').getByText(/^(实时|Live)$/).waitFor();
  };
  beforeEach(() => open());
  afterEach(() => visit.close());

  const phone = () => page.locator('.frame');
  const account = () => demo.account;
  const tab = (name) => phone().getByRole('navigation').getByRole('button', { name }).click();
  const inspect = (name) => page.getByRole('tab', { name }).click();
  const person = (name) => page.locator('.people .one', { hasText: name }).click();
  const newPerson = async (nickname) => {
    const made = await demo.control('POST', '/people', { nickname });
    await person(nickname);
    return made;
  };
  const accessible = () => visit.accessible();

  it('shows a message the moment it is sent', async () => {
    const name = account().name && '鸿雁演示号';
    const template_id = demo.template('template');
    const data = { thing1: '毛笔', time2: '2026-11-20 10:00' };
    const sent = demo.send({ kind: 'template', template_id, data });
    const row = phone().locator(`[data-chat="${account().appid}"]`);
    await row.getByText('订单发货通知').waitFor();
    await sent;
    await row.locator('.badge').waitFor();
    await row.click();
    const card = phone().locator('article', { hasText: '毛笔' });
    await card.getByText('商品名称', { exact: true }).waitFor();
    await phone().getByRole('heading', { name }).waitFor();
    // Read is read.
    await phone().getByRole('button', { name: '返回' }).click();
    await row.waitFor();
    assert.equal(await row.locator('.badge').count(), 0);
    // The call is in the inspector, with the answer.
    const call = page.locator('.call', { hasText: '/cgi-bin/message/template/send' }).first();
    await call.getByText(`${demo.person.nickname} · 订单发货通知`).waitFor();
    await call.click();
    await page.locator('.call pre', { hasText: '毛笔' }).waitFor();
    await page.locator('.call pre', { hasText: 'msgid' }).waitFor();
    await accessible();
  });

  it('welcomes who follows, answers who writes, and falls silent', async () => {
    const made = await newPerson('关关');
    await phone().getByText('还没有消息').waitFor();
    await tab('通讯录');
    await phone().locator(`[data-account="${account().appid}"]`).click();
    await phone().getByRole('button', { name: '关注', exact: true }).click();
    await phone().getByText('欢迎关注鸿雁演示号').waitFor();
    const field = phone().getByRole('textbox', { name: '发消息' });
    await field.fill('帮助');
    await field.press('Enter');
    await phone().locator('.own', { hasText: '帮助' }).waitFor();
    await phone().getByText('这条回复来自演示账号的回复规则').waitFor();
    await accessible();
    // The callback is there unsealed.
    const push = page.locator('.call', { hasText: '关关 · text 帮助' }).first();
    await push.click();
    await push.locator('pre', { hasText: '帮助' }).first().waitFor();

    await phone().getByRole('button', { name: '详情' }).click();
    await phone().getByRole('checkbox').click();
    await page.waitForFunction(
      ([id]) => fetch(`/sandbox/v1/people/${id}`).then((a) => a.json()).then((p) => p.accounts[0].blocked),
      [made.person_id],
    );
    await phone().getByRole('button', { name: '取消关注' }).click();
    await phone().getByRole('button', { name: '关注', exact: true }).waitFor();
  });

  it('obeys the menu of the account', async () => {
    const { appid, secret } = account();
    const ask = async (path, body) =>
      (await fetch(`${demo.sandbox}${path}`, body && { method: 'POST', body: JSON.stringify(body) })).json();
    const { access_token } = await ask('/cgi-bin/stable_token', {
      grant_type: 'client_credential',
      appid,
      secret,
    });
    await person(demo.person.nickname);
    await tab('通讯录');
    await phone().locator(`[data-account="${appid}"]`).click();
    await phone().getByRole('button', { name: '进入公众号' }).click();
    const menu = {
      button: [
        { type: 'click', name: '今日好书', key: 'TODAY' },
        {
          name: '更多',
          sub_button: [
            { type: 'click', name: '联系我们', key: 'CONTACT' },
            { type: 'view', name: '官网', url: `${demo.sandbox}/mp/subscribemsg` },
          ],
        },
      ],
    };
    const done = await ask(`/cgi-bin/menu/create?access_token=${access_token}`, menu);
    assert.equal(done.errcode, 0, JSON.stringify(done));
    await phone().getByRole('button', { name: '今日好书' }).click();
    await phone().getByText('您点击了菜单 TODAY').waitFor();
    await phone().getByRole('button', { name: '更多' }).click();
    await phone().getByRole('button', { name: '联系我们' }).click();
    await phone().getByText('您点击了菜单 CONTACT').waitFor();
    await phone().getByRole('button', { name: '更多' }).click();
    await page.keyboard.press('Escape');
    await phone().getByRole('button', { name: '更多' }).press('Enter');
    await phone().getByRole('button', { name: '官网' }).press('Enter');
    // A page of the sandbox itself may stand in the phone.
    await phone().frameLocator('iframe').getByText('action').waitFor();
    await phone().getByRole('button', { name: '返回' }).click();
    await phone().getByRole('button', { name: '切换到键盘' }).click();
    await phone().getByRole('textbox', { name: '发消息' }).waitFor();
  });

  it('asks for consent in the mini program, and sends use it up', async () => {
    const file = JSON.parse(fs.readFileSync(`${demo.folder}/demo.json`, 'utf8'));
    const mini = file.accounts.find((one) => one.kind === 'mini_program');
    const template = mini.templates.find((one) => one.title === '取餐提醒');
    await person(demo.person.nickname);
    await tab('发现');
    await phone().getByRole('button', { name: '鸿雁演示小程序' }).click();
    await phone().getByRole('button', { name: '登录' }).click();
    const code = await phone().locator('.result code').innerText();
    assert.ok(code.length > 20, code);

    const request = phone().getByRole('button', { name: '请求订阅' });
    const popup = phone().getByRole('dialog');
    await phone().locator('fieldset label', { hasText: '取餐提醒' }).click();
    await request.click();
    await accessible();
    await popup.getByRole('button', { name: '拒绝' }).click();
    await phone().locator('pre', { hasText: '"reject"' }).waitFor();
    await request.click();
    await popup.getByText('总是保持以上选择').click();
    await popup.getByRole('button', { name: '允许' }).click();
    await phone().locator('pre', { hasText: '"accept"' }).waitFor();
    await phone().locator('.consents').getByText('还可发 1 条').waitFor();
    // Kept: no pop-up, one more message.
    await request.click();
    await phone().locator('.consents').getByText('还可发 2 条').waitFor();

    const sent = await demo.api('POST', '/messages?wait=10', {
      account: 'demo-mp',
      kind: 'subscribe',
      to: { openid: demo.person.openids[mini.appid] ?? (await openidAt(mini.appid)) },
      template_id: template.template_id,
      page: 'pages/order?id=1',
      data: { character_string1: 'A12', thing2: '朝阳店', time3: '2026-11-20 10:00' },
    });
    assert.ok(['accepted', 'delivered'].includes(sent.status), JSON.stringify(sent));
    await phone().locator('.consents').getByText('还可发 1 条').waitFor();
    await phone().getByRole('button', { name: '关闭', exact: true }).first().click();
    await tab('微信');
    await phone().locator('[data-chat="service"]').click();
    await phone().getByText('A12').waitFor();
    await phone().getByRole('button', { name: '进入小程序查看' }).last().click();
    await phone().getByText('pages/order?id=1').waitFor();
  });
  const openidAt = async (appid) =>
    (await demo.control('POST', `/people/${demo.person.person_id}/openid`, { appid })).openid;

  it('shows why a call was refused, and lets one fail on purpose', async () => {
    await inspect('故障');
    await page.getByLabel('路径').fill('/cgi-bin/get_api_domain_ip');
    await page.getByLabel('errcode').fill('45009');
    await page.getByRole('button', { name: '添加', exact: true }).click();
    await page.locator('.panel li', { hasText: 'errcode 45009' }).waitFor();
    await accessible();
    await fetch(`${demo.sandbox}/cgi-bin/get_api_domain_ip?access_token=x`);
    await page.locator('.panel li', { hasText: '已触发 1 次' }).waitFor();
    await page.getByRole('button', { name: '全部删除' }).click();
    await page.getByText('没有故障').waitFor();
    await inspect('流量');
    await page.getByLabel('errcode').fill('45009');
    const call = page.locator('.call').first();
    await call.click();
    await call.getByText('今天的调用次数用完了').waitFor();
    await call.getByText('由你设置的故障产生').waitFor();
    await page.getByLabel('errcode').fill('1');
    await page.getByText('没有符合筛选的记录').waitFor();
  });

  it('makes receipts say something else than the truth', async () => {
    await inspect('故障');
    const receipts = page.locator('.block', { has: page.getByRole('heading', { name: '回执' }) });
    await receipts.getByLabel('报告').selectOption('user_block');
    await receipts.getByRole('button', { name: '保存' }).click();
    await page.getByText('回执设置已保存').waitFor();
    const data = { thing1: '墨', time2: '2026-11-20 10:00' };
    const sent = await demo.send({ kind: 'template', template_id: demo.template('template'), data });
    let told = sent;
    for (let look = 0; told.status === 'accepted' && look < 200; look++) {
      await page.waitForTimeout(25);
      told = await demo.api('GET', `/messages/${sent.id}`);
    }
    assert.equal(told.status, 'undelivered', JSON.stringify(told));
    await receipts.getByLabel('报告').selectOption('');
    await receipts.getByRole('button', { name: '保存' }).click();
    await page.waitForFunction(
      ([appid]) => fetch(`/sandbox/v1/accounts/${appid}/receipts`).then((a) => a.json()).then((a) => !a.status),
      [account().appid],
    );
  });

  it('has phones of several makes', async () => {
    const made = await newPerson('阿苹');
    await tab('我');
    await phone().getByRole('combobox', { name: /手机系统/ }).selectOption('ios');
    await page.waitForFunction(
      ([id]) => fetch(`/sandbox/v1/people/${id}`).then((a) => a.json()).then((p) => p.platform === 'ios'),
      [made.person_id],
    );
    await accessible();
  });

  it('moves the clock, adds accounts and people, and says what is wrong', async () => {
    await inspect('时钟与额度');
    await page.getByRole('button', { name: '+ 2 小时' }).click();
    await page.getByText('比真实时间快 2.0 小时').waitFor();
    await page.locator('tr', { hasText: '/cgi-bin/message/template/send' }).waitFor();
    await accessible();
    await inspect('账号');
    await page.getByRole('button', { name: '添加账号' }).click();
    await page.getByLabel('名称').fill('新店');
    await page.getByLabel('appid').fill(account().appid);
    await page.getByRole('button', { name: '添加', exact: true }).click();
    await page.getByRole('alert').getByText('已经存在').waitFor();
    await page.getByLabel('appid').fill('');
    await page.getByRole('button', { name: '添加', exact: true }).click();
    const row = page.locator('.account', { hasText: '新店' });
    await row.getByText('还没有模板').waitFor();
    await accessible();
    await inspect('人物');
    await page.locator('.panel').getByLabel('昵称').fill('老王');
    await page.locator('.panel').getByRole('button', { name: '添加' }).first().click();
    await page.locator('.people .one[aria-current="true"]', { hasText: '老王' }).waitFor();
    await accessible();
  });

  it('speaks the language of the browser and switches', async () => {
    await page.locator('#lang').click();
    await page.getByRole('tab', { name: 'Traffic' }).waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    await page.reload();
    await page.getByRole('tab', { name: 'Traffic' }).waitFor();
    await context.close();
    await open({ locale: 'en-GB' });
    await page.getByRole('tab', { name: 'Traffic' }).waitFor();
    await phone().getByRole('button', { name: 'Contacts' }).click();
    await phone().getByText('Official accounts').waitFor();
  });

  it('is dark where the system is, readable, and light when told', async () => {
    await context.close();
    await open({ colorScheme: 'dark' });
    const dark = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(await dark(), 'rgb(15, 17, 19)');
    await person(demo.person.nickname);
    await phone().locator(`[data-chat="${account().appid}"]`).click();
    await accessible();
    await inspect('账号');
    await accessible();
    await page.locator('#theme').click();
    await page.waitForFunction(
      () => getComputedStyle(document.body).backgroundColor !== 'rgb(15, 17, 19)',
    );
  });

  it('fits a real phone', async () => {
    // More people than there is room for, the last with something unread.
    for (const nickname of ['欧阳小山', '司徒明月', '上官婉秋', '诸葛长风']) {
      const { person_id } = await demo.control('POST', '/people', { nickname });
      const follow = { action: 'follow', appid: account().appid };
      await demo.control('POST', `/people/${person_id}/actions`, follow);
    }
    await context.close();
    await open({ viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true });
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(await wide(), 390);
    await page.getByRole('button', { name: '检查器' }).tap();
    await page.getByRole('tab', { name: '流量' }).waitFor();
    assert.equal(await wide(), 390);
    await accessible();
    await page.getByRole('button', { name: '手机', exact: true }).tap();
    await phone().getByRole('navigation').waitFor();
    await accessible();
  });

  it('is small and asks little', async () => {
    await context.close();
    let bytes = 0;
    let requests = 0;
    context = await browser.newContext({ locale: 'zh-CN' });
    page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    session.on('Network.loadingFinished', (one) => (bytes += one.encodedDataLength));
    page.on('request', () => (requests += 1));
    await page.goto(`${demo.sandbox}/`);
    await page.getByRole('status').getByText('实时', { exact: true }).waitFor();
    await page.waitForTimeout(300);
    assert.ok(bytes < 300_000, `${bytes} bytes`);
    const before = requests;
    assert.ok(before <= 10, `${before} requests`);
    // A flood of calls comes over the stream and leads to few requests.
    const flood = Array.from({ length: 300 }, () => fetch(`${demo.sandbox}/cgi-bin/token`));
    await Promise.all(flood.map(async (one) => (await one).text()));
    await page.locator('.call', { hasText: '/cgi-bin/token' }).first().waitFor();
    await page.waitForTimeout(1500);
    assert.ok(requests - before <= 8, `${requests - before} requests`);
  });
});
