'use strict';
// Accounts in the console: settings, quotas, tokens, and the way to the first message.

const { after, afterEach, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { Demo, openBrowser } = require('./demo');
const { ConsoleVisit } = require('./visit');

describe('console: accounts', { timeout: 120_000 }, () => {
  let demo, browser, visit, page;

  before(async () => {
    [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.close();
  });
  beforeEach(async () => {
    visit = await ConsoleVisit.open(browser, demo);
    ({ page } = visit);
    await visit.signIn();
  });
  afterEach(() => visit.close());

  it('sets what spares people and who else is told, and says what cannot be', async () => {
    await visit.go('accounts/demo-oa');
    await page.getByText('免打扰时段').click();
    await page.getByLabel('时区').fill('Asia/Nowhere');
    await visit.button('添加上限').click();
    await page.getByLabel('最多几条').fill('3');
    await visit.button('添加程序').click();
    await page.getByLabel('地址', { exact: true }).fill('https://shop.example.com/wechat');
    await page.getByLabel('允许跳转到的地址').fill('https://a.example.com\nhttps://b.example.com');
    await visit.button('保存').click();
    await page.locator('.field.invalid', { hasText: '时区' }).waitFor();
    await page.getByLabel('时区').fill('Asia/Shanghai');
    await visit.button('保存').click();
    await page.getByText('设置已保存').waitFor();
    const account = await demo.api('GET', '/accounts/demo-oa');
    assert.deepEqual(account.quiet_hours, {
      from: '22:00',
      to: '08:00',
      time_zone: 'Asia/Shanghai',
      action: 'defer',
    });
    assert.deepEqual(
      account.frequency_caps.map((cap) => [cap.at_most, cap.within_seconds]),
      [[3, 86_400]],
    );
    assert.deepEqual(
      account.backends.map((one) => one.url),
      ['https://shop.example.com/wechat'],
    );
    assert.deepEqual(account.redirects, ['https://a.example.com', 'https://b.example.com']);
    // What was not touched stays.
    assert.deepEqual(account.js_origins, [demo.sandbox]);
    await visit.accessible('settings');

    await page.getByText('免打扰时段').click();
    await visit.button(/^删除: 每人/).click();
    await visit.button('删除: https://shop.example.com/wechat').click();
    await visit.button('保存').click();
    await page.getByText('设置已保存').last().waitFor();
    await page.waitForFunction(() => !document.querySelector('main')?.textContent.includes('尚未保存'));
    const after = await demo.api('GET', '/accounts/demo-oa');
    assert.deepEqual([after.quiet_hours, after.frequency_caps, after.backends], [null, [], []]);
  });

  it('asks WeChat for quotas, and sets them to zero for one of the ten times', async () => {
    await visit.go('accounts/demo-oa');
    await demo.send({
      kind: 'template',
      template_id: demo.template('template'),
      data: { thing1: '毛笔', time2: '2026-11-20 10:00' },
    });
    await visit.button('立即向微信查询').click();
    await page.getByText('已向微信查询').waitFor();
    const row = page.locator('tr', { hasText: '/cgi-bin/message/template/send' });
    await row.getByText('/ 100,000').waitFor();
    await visit.button('清零调用次数').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('本月还可清零 10 次').waitFor();
    await dialog.getByRole('button', { name: '清零调用次数' }).click();
    await page.getByText('本月已清零 1 / 10 次').waitFor();
  });

  it('says when another program disturbs the token', async () => {
    const send = () =>
      demo.send({
        kind: 'template',
        template_id: demo.template('template'),
        data: { thing1: '毛笔', time2: '2026-11-20 10:00' },
      });
    await send();
    await visit.go('overview');
    const tokens = page.locator('section', { has: page.getByRole('heading', { name: '接口凭证' }) });
    await tokens.getByText('没有其他程序干扰凭证').waitFor();
    const { appid, secret } = demo.account;
    const body = { grant_type: 'client_credential', appid, secret, force_refresh: true };
    const taken = await fetch(`${demo.sandbox}/cgi-bin/stable_token`, { method: 'POST', body: JSON.stringify(body) });
    assert.ok((await taken.json()).access_token);
    assert.match((await send()).status, /^(accepted|delivered)$/);
    // What was counted is written down every ten seconds.
    await tokens.getByText('有其他程序在获取同一账号的凭证').waitFor({ timeout: 25_000 });
  });

  it('leads a new account to its first message', async () => {
    const made = await demo.control('POST', '/accounts', { kind: 'official_account' });
    await demo.control('POST', `/accounts/${made.appid}/templates`, {
      kind: 'template',
      title: '到货提醒',
      content: '商品：{{thing1.DATA}}\n',
    });
    await visit.go('accounts/new');
    await page.locator('input[name=name]').fill('second');
    await page.locator('input[name=appid]').fill(made.appid);
    await page.locator('input[name=secret]').fill(made.secret);
    await visit.button('添加账号并继续').click();
    await visit.button('下一步').click();
    await visit.button('生成 Token 和密钥').click();
    const secret = (name) => page.locator(`dt:text-is("${name}") + dd code`).innerText();
    await demo.control('PATCH', `/accounts/${made.appid}`, {
      callback: {
        url: `${demo.gateway}/callback/second`,
        token: await secret('Token（令牌）'),
        encoding_aes_key: await secret('EncodingAESKey'),
        mode: 'safe',
        format: 'xml',
      },
    });
    await demo.control('POST', `/people/${demo.person.person_id}/actions`, {
      appid: made.appid,
      action: 'follow',
    });
    await page.getByText('已收到第一个回调').waitFor();
    await visit.button('下一步').click();
    await visit.button('列出模板').click();
    await page.getByText('已知 1 个模板').waitFor();
    await visit.button('下一步').click();
    // Who follows is among the people, and the only template is chosen.
    await page.locator('.offered button').first().click();
    await page.locator('input[name=thing1]').fill('毛笔到货');
    await page.getByText('可以发送。').waitFor();
    await visit.button('发送').click();
    await page.getByText('已送达：这个账号可以使用了').waitFor();
    await visit.button('完成').click();
    await visit.heading('second').waitFor();
  });
});
