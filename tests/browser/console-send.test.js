'use strict';
// Every kind of message from the console, in a real browser, beside the real demo.

const { after, afterEach, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { Demo, openBrowser } = require('./demo');
const { ConsoleVisit } = require('./visit');

/** A picture of one dot. */
const DOT = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('console: send', { timeout: 120_000 }, () => {
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

  const open = async (account, query = '') => {
    await visit.choose(account);
    await visit.go(`send${query}`);
    await visit.heading('发送消息').waitFor();
  };
  const writes = (content) =>
    demo.control('POST', `/people/${demo.person.person_id}/actions`, {
      appid: demo.account.appid,
      action: 'send_text',
      content,
    });
  const became = (status) => page.locator('.result .pill').getByText(status).waitFor();
  const arrived = async (text) =>
    assert.ok((await demo.inbox()).some((item) => JSON.stringify(item).includes(text)), text);

  it('answers people by every form of customer service, shown as the chat does', async () => {
    await writes('在吗');
    await open('demo-oa', `?kind=customer_service&openid=${demo.openid}`);
    const type = page.locator('select[name=msgtype]');
    await page.locator('textarea[name=content]').fill('在的，');
    await page.getByText('9 / 2,048 字节').waitFor();

    await type.selectOption('news');
    await page.locator('input[name=title]').fill('新品上架');
    await visit.button('发送').click();
    await page.getByText('url 为空').waitFor();
    await page.locator('input[name=url]').fill('https://shop.example.com/new');
    await page.locator('.bubble strong', { hasText: '新品上架' }).waitFor();
    await visit.button('发送').click();
    await became('微信已接收');
    await arrived('新品上架');
    await visit.button('再写一条').click();

    await type.selectOption('msgmenu');
    await page.locator('input[name=head_content]').fill('满意吗？');
    await page.locator('textarea[name=choices]').fill('满意\n不满意');
    await page.locator('.bubble .choice', { hasText: '不满意' }).waitFor();
    await visit.button('发送').click();
    await became('微信已接收');
    await arrived('不满意');
    await visit.button('再写一条').click();

    await type.selectOption('image');
    await page
      .locator('input[type=file]')
      .setInputFiles({ name: 'dot.png', mimeType: 'image/png', buffer: DOT });
    await page.locator('select option', { hasText: 'dot.png' }).waitFor({ state: 'attached' });
    await visit.button('发送').click();
    await became('微信已接收');
    assert.equal((await demo.api('GET', '/accounts/demo-oa/media')).items[0].file_name, 'dot.png');
    await visit.accessible('customer service');
  });

  it('reaches somebody by another way, and says why the first was left', async () => {
    await open('demo-mp', '?kind=subscribe');
    await page.getByLabel('模板', { exact: true }).selectOption({ label: '就诊提醒' });
    await page.getByLabel('用什么标识').selectOption('unionid');
    await page.locator('input[name=to]').fill(demo.person.unionid);
    await page.locator('input[name=name1]').fill('小雁');
    await page.locator('input[name=thing2]').fill('内科');
    await page.locator('input[name=date3]').fill('2026年11月20日');
    await page.getByText('无法送达时：其他途径').click();
    await visit.button('添加途径').click();
    const way = page.getByRole('region', { name: '途径 2' });
    await way.getByLabel('模板', { exact: true }).selectOption({ label: '订单发货通知' });
    await way.locator('input[name=thing1]').fill('另一条路');
    await way.locator('input[name=time2]').fill('以后');
    await visit.button('发送').click();
    await way.getByText('time2（发货时间）不符合').waitFor();
    await way.locator('input[name=time2]').fill('2026-11-20 10:00');
    await page.getByText('可以发送。').waitFor();
    await visit.accessible('other ways');
    await visit.button('发送').click();
    await became('已送达');
    await arrived('另一条路');
    await page.getByRole('link', { name: '查看全部经过' }).click();
    await page.getByText('放弃途径 1：demo-mp · 订阅消息').waitFor();
    await page.getByText('途径 2: demo-oa · 模板消息').waitFor();
  });

  it('schedules, and takes everything of a search back at once', async () => {
    await open('demo-oa');
    await page.getByLabel('模板', { exact: true }).selectOption({ label: '订单发货通知' });
    await page.locator('input[name=to]').fill(demo.openid);
    await page.locator('input[name=thing1]').fill('以后的毛笔');
    await page.locator('input[name=time2]').fill('2026-11-20 10:00');
    await page.getByText('时间、优先级与业务编号').click();
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 16);
    await page.getByLabel('不早于').fill(tomorrow);
    await page.getByText('高：先于其他消息').click();
    await page.getByText('可以发送。').waitFor();
    await visit.button('发送').click();
    await became('已定时');

    await visit.go('messages?status=scheduled');
    await page.locator('tr', { hasText: '以后的毛笔' }).waitFor();
    await visit.button('全部撤回').click();
    await visit.button('开始').click();
    await page.getByText('完成：已撤回 1 条').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: '关闭' }).last().click();
    await page.getByText('没有符合条件的消息').waitFor();
  });
});
