'use strict';
// The console's templates in a real browser, beside the real demo.

const { after, afterEach, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { Demo, openBrowser } = require('./demo');
const { ConsoleVisit } = require('./visit');

const VIEWER = { name: 'vera', password: 'looking and nothing else' };

describe('console: templates', { timeout: 120_000 }, () => {
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
  });
  afterEach(() => visit.close());

  const openList = async (who, role) => {
    await visit.signIn(who, role);
    await visit.choose('demo-oa');
    await visit.go('templates');
  };
  /** A template of the account at WeChat, known to the gateway after the next sync. */
  const atWechat = (title, content) =>
    demo.control('POST', `/accounts/${demo.account.appid}/templates`, {
      kind: 'template',
      title,
      content,
    });
  const change = (id, what) =>
    demo.control('PATCH', `/accounts/${demo.account.appid}/templates/${id}`, what);
  const sync = () => demo.api('POST', '/accounts/demo-oa/templates/sync');

  it('lists them after a sync, finds them, and shows what one is', async () => {
    await atWechat('盘点提醒', '仓库：{{thing1.DATA}}\n{{thing2.DATA}}\n');
    await openList();
    await visit.button('与微信同步').click();
    await page.getByText('新增 1').waitFor();
    await page.getByRole('searchbox').fill('仓库');
    assert.equal(await page.locator('tbody tr').count(), 1);
    await page.locator('tr', { hasText: '盘点提醒' }).getByText('处需留意').waitFor();
    await page.getByRole('link', { name: '盘点提醒' }).click();
    await visit.heading('盘点提醒').waitFor();
    await page.locator('article', { hasText: '一支毛笔' }).waitFor();
    // A line that is nothing but its slot.
    await page.locator('.lint', { hasText: 'thing2' }).waitFor();
    await page.getByRole('link', { name: '用它发送' }).click();
    await visit.heading('发送消息').waitFor();
    await page.locator('input[name=thing1]').waitFor();
  });

  it('gives a slot a name that messages may use', async () => {
    const { template_id: id } = await atWechat('退款通知', '金额：{{amount1.DATA}}\n');
    await sync();
    await visit.signIn();
    await visit.go(`templates/demo-oa/${id}`);
    await page.getByLabel('金额').fill('refund');
    await visit.button('保存').click();
    await page.getByText('已保存，消息从现在起').waitFor();
    const sent = await demo.send({ kind: 'template', template_id: id, data: { refund: '¥1' } });
    // WeChat's receipt may come a moment later.
    assert.match(sent.status, /^(accepted|delivered)$/);
    await page.reload();
    await page.locator('td', { hasText: 'refund' }).waitFor();
  });

  it('tells what changed at WeChat, and whose messages it concerns', async () => {
    const { template_id: id } = await atWechat('取餐提醒', '餐厅：{{thing1.DATA}}\n');
    await sync();
    await demo.send({ kind: 'template', template_id: id, data: { thing1: '朝阳店' } });
    await change(id, { content: '餐厅：{{thing1.DATA}}\n取餐码：{{character_string2.DATA}}\n' });
    await openList();
    await visit.button('与微信同步').click();
    await page.getByRole('link', { name: '查看变了什么、影响谁' }).click();
    await visit.heading('变更记录').waitFor();
    const item = page.locator('li', { hasText: '取餐提醒' }).filter({ hasText: '变更' });
    await item.locator('.new', { hasText: '取餐码' }).waitFor();
    await item.locator('.same', { hasText: '餐厅' }).waitFor();
    await item.getByText('1 条消息').waitFor();
    await visit.accessible('changes');
    await item.getByRole('link', { name: '取餐提醒' }).click();
    await page.getByRole('heading', { name: '它的变更' }).waitFor();
    const use = page.locator('section', { has: page.getByRole('heading', { name: '在哪里使用' }) });
    await use.getByText('1 条消息').waitFor();
  });

  it('takes one from the library, its lines in the order chosen, and gives it back', async () => {
    await openList();
    await page.getByRole('link', { name: '从模板库添加' }).click();
    await page.locator('input[name=keyword]').fill('取件');
    await visit.button('搜索').click();
    await page.getByText('付款成功通知').waitFor({ state: 'detached' });
    await visit.accessible('library');
    await visit.button('选择 取件提醒').click();
    const dialog = page.getByRole('dialog');
    const boxes = dialog.getByRole('checkbox');
    await boxes.nth(1).check();
    assert.equal(await dialog.getByRole('button', { name: '添加到账号' }).isDisabled(), true);
    await boxes.nth(0).check();
    const names = await dialog.locator('.check strong').allInnerTexts();
    assert.deepEqual(await dialog.locator('article dt').allInnerTexts(), [names[1], names[0]]);
    await dialog.locator('input[name=scene]').fill('取件');
    await dialog.getByRole('button', { name: '添加到账号' }).click();
    await visit.heading('取件提醒').waitFor();
    const labels = await page.locator('tbody tr td:first-child').allInnerTexts();
    assert.deepEqual(labels, [names[1], names[0]]);

    page.once('dialog', (question) => question.accept());
    await visit.button('在微信删除').click();
    await page.getByText('模板已删除').waitFor();
    const { items } = await demo.api('GET', '/accounts/demo-oa/templates');
    assert.equal(items.some((one) => one.title === '取件提醒'), false);
  });

  it('leaves adding and naming to admins', async () => {
    await openList(VIEWER, 'viewer');
    await page.getByRole('link', { name: '订单发货通知' }).waitFor();
    assert.equal(await page.getByText('从模板库添加').count(), 0);
    assert.equal(await visit.button('与微信同步').count(), 0);
    await page.getByRole('link', { name: '订单发货通知' }).click();
    await page.getByRole('heading', { name: '自定义字段名' }).waitFor();
    assert.equal(await visit.button('保存').count(), 0);
  });

  for (const colorScheme of ['light', 'dark']) {
    it(`is accessible and fits a phone, ${colorScheme}`, async () => {
      await visit.close();
      const viewport = { width: 390, height: 844 };
      visit = await ConsoleVisit.open(browser, demo, { colorScheme, viewport });
      ({ page } = visit);
      await openList();
      const paths = ['templates', 'templates/changes', 'templates/library'];
      for (const path of [...paths, `templates/demo-oa/${demo.template('template')}`]) {
        await visit.go(path);
        await page.locator('main h1').waitFor();
        await page.getByText('加载中…').first().waitFor({ state: 'detached' });
        await visit.accessible(path);
        assert.equal(await visit.overflow(), 0, path);
      }
    });
  }
});
