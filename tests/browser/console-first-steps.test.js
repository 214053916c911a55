'use strict';
// What somebody does who has never seen the project: the console beside the phone.

const { after, before, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { Demo, openBrowser } = require('./demo');
const { ConsoleVisit } = require('./visit');

describe('console: first steps', { timeout: 120_000 }, () => {
  let demo, browser;

  before(async () => {
    [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.close();
  });

  it('leads from the first message to a refusal that is understood', async () => {
    const visit = await ConsoleVisit.open(browser, demo);
    const { context, page } = visit;
    await visit.signIn();
    const steps = page.getByRole('region', { name: '第一步' });
    const step = (name) => steps.locator('li', { hasText: name });
    const done = (name) => steps.locator('li.done', { hasText: name }).waitFor();
    await step('发送一条消息').waitFor();
    await visit.accessible('first steps');

    // The phones are a page of their own, beside it.
    const [phones] = await Promise.all([
      context.waitForEvent('page'),
      steps.getByRole('link', { name: '打开手机' }).click(),
    ]);
    const phone = phones.locator('.frame');
    await phones.locator('.people .one', { hasText: '小雁' }).click();

    await step('发送一条消息').getByRole('link').click();
    await page.getByLabel('模板', { exact: true }).selectOption({ label: '订单发货通知' });
    await visit.button('小雁').click();
    await page.locator('input[name=thing1]').fill('第一支毛笔');
    await page.locator('input[name=time2]').fill('2026-11-20 10:00');
    await page.getByText('可以发送。').waitFor();
    await visit.button('发送').click();
    await page.locator('.result .pill').getByText('已送达').waitFor();
    await phone.getByText('订单发货通知').first().waitFor();

    await visit.go('overview');
    await done('发送一条消息');
    await done('等待送达回执');

    await phone.getByRole('navigation').getByRole('button', { name: '发现' }).click();
    await phone.getByRole('button', { name: '鸿雁演示小程序' }).click();
    await phone.locator('fieldset label', { hasText: '取餐提醒' }).click();
    await phone.getByRole('button', { name: '请求订阅' }).click();
    await phone.getByRole('dialog').getByRole('button', { name: '允许' }).click();
    // It is ticked off while one looks.
    await done('在小程序里同意订阅');
    await step('在小程序里同意订阅').getByRole('link').click();
    await page.getByLabel('模板', { exact: true }).selectOption({ label: '取餐提醒' });
    // The official account knows the name.
    await visit.button('小雁').click();
    await page.locator('input[name=character_string1]').fill('A12');
    await page.locator('input[name=thing2]').fill('朝阳店');
    await page.locator('input[name=time3]').fill('2026-11-20 10:00');
    await page.getByText('可以发送。').waitFor();
    await visit.button('发送').click();
    await page.locator('.result .pill').getByText('已送达').waitFor();

    await visit.go('overview');
    await step('故意填错').getByRole('link').click();
    await page.getByLabel('模板', { exact: true }).selectOption({ label: '订单发货通知' });
    await visit.button('小雁').click();
    await page.locator('input[name=thing1]').fill('字'.repeat(25));
    await page.locator('input[name=time2]').fill('2026-11-20 10:00');
    await visit.button('发送').click();
    await page.getByText('25 / 20').waitFor();
    await page.getByText(/thing1（商品名称）.*20/).first().waitFor();
    assert.equal((await demo.inbox()).some((item) => JSON.stringify(item).includes('字字')), false);

    await visit.go('overview');
    await page.getByRole('heading', { name: '都试过了' }).waitFor();
    await visit.button('收起“第一步”').click();
    await page.reload();
    await visit.heading('概览').waitFor();
    assert.equal(await page.getByRole('heading', { name: '都试过了' }).count(), 0);
    await visit.close();
  });
});
