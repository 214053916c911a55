'use strict';
// Menus: put together in the console, seen on the sandbox's phone.

const { after, afterEach, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { Demo, openBrowser } = require('./demo');
const { ConsoleVisit, Visit } = require('./visit');

const VIEWER = { name: 'vera', password: 'looking and nothing else' };
const TWO = {
  button: [
    { type: 'click', name: '今日', key: 'TODAY' },
    {
      name: '服务',
      sub_button: [
        { type: 'click', name: '退货', key: 'RETURNS' },
        { type: 'view', name: '门店', url: 'https://shop.example.com/stores' },
      ],
    },
  ],
};

describe('menus in the console', { timeout: 180_000 }, () => {
  let demo, browser, visit, page;

  before(async () => {
    [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.close();
  });
  const open = async (options, who, role) => {
    visit = await ConsoleVisit.open(browser, demo, options);
    page = visit.page;
    await visit.signIn(who, role);
    await visit.choose('demo-oa');
  };
  const begin = async (menu) => {
    if (menu) await demo.api('PUT', '/accounts/demo-oa/menu', menu);
    await visit.go('menus');
    await page.locator('.menu-phone').waitFor();
  };
  beforeEach(() => open());
  afterEach(() => visit.close());

  const button = (name) => visit.button(name);
  const phone = () => page.locator('.menu-phone');
  const onPhone = (name) => phone().getByRole('button', { name, exact: true });
  const names = () => phone().locator('[data-id]').allInnerTexts();
  const field = (name) => page.locator(`[name=${name}]`);
  const live = async () => (await demo.api('GET', '/accounts/demo-oa/menu')).menu;
  const middle = async (place) => {
    const box = await place.boundingBox();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  const apply = async (why = '') => {
    await button('预览变更').click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('[name=note]').fill(why);
    await dialog.getByRole('button', { name: '立即应用' }).click();
    await dialog.waitFor({ state: 'detached' });
  };

  it('makes a menu that the phone then shows', async () => {
    await begin();
    await button('添加一级菜单').first().click();
    await field('name').fill('今日特价');
    await button('预览变更').click();
    // Not before it has a key.
    await page.getByText('此项必填。').waitFor();
    assert.equal(await page.getByRole('dialog').count(), 0);
    await field('key').fill('TODAY');
    await phone().getByRole('button', { name: '添加一级菜单' }).click();
    await field('name').fill('六个汉字真多');
    await page.getByText('现为 18 字节，最多 16 字节。').waitFor();
    await field('name').fill('服务');
    await button('改为展开子菜单').click();
    await field('name').fill('门店');
    await field('type').selectOption('view');
    await field('url').fill('shop.example.com');
    await page.getByText('完整网址').waitFor();
    await field('url').fill('https://shop.example.com/stores');
    await visit.accessible('menus');
    await button('预览变更').click();
    await page.getByRole('dialog').getByText('服务 › 门店').waitFor();
    await visit.accessible('plan of a menu');
    await page.keyboard.press('Escape');
    await apply('秋季');
    await page.getByText('版本 1 已应用').waitFor();

    const sandbox = await Visit.open(browser);
    await sandbox.page.goto(`${demo.sandbox}/`);
    const frame = sandbox.page.locator('.frame');
    await sandbox.page.locator('.people .one', { hasText: demo.person.nickname }).click();
    await frame.getByRole('navigation').getByRole('button', { name: '通讯录' }).click();
    await frame.locator(`[data-account="${demo.account.appid}"]`).click();
    await frame.getByRole('button', { name: '进入公众号' }).click();
    await frame.getByRole('button', { name: '服务' }).click();
    await frame.getByRole('button', { name: '门店' }).waitFor();
    await frame.getByRole('button', { name: '今日特价' }).click();
    await frame.getByText('您点击了菜单 TODAY').waitFor();

    // What is applied next comes to the open chat.
    await onPhone('今日特价').click();
    await field('name').fill('明日特价');
    await apply();
    await frame.getByRole('button', { name: '明日特价' }).waitFor();
    await sandbox.close();
  });

  it('moves buttons by dragging', async () => {
    await begin(TWO);
    await onPhone('服务').click();
    await page.mouse.move(...(await middle(onPhone('今日'))));
    await page.mouse.down();
    await page.mouse.move(...(await middle(onPhone('服务'))), { steps: 5 });
    const [x, y] = await middle(onPhone('门店'));
    await page.mouse.move(x, y - 10, { steps: 5 });
    await page.mouse.up();
    assert.deepEqual(await names(), ['退货', '今日', '门店', '服务']);
    // Let go elsewhere, it stays where it was.
    await page.mouse.move(...(await middle(onPhone('退货'))));
    await page.mouse.down();
    await page.mouse.move(20, 20, { steps: 3 });
    await page.mouse.up();
    assert.deepEqual(await names(), ['退货', '今日', '门店', '服务']);
    await apply();
    const [only] = (await live()).button;
    assert.deepEqual(only.sub_button.map((one) => one.name), ['退货', '今日', '门店']);
  });

  it('moves buttons with the keyboard, and says where they are', async () => {
    await begin(TWO);
    await onPhone('服务').press('Enter');
    await onPhone('退货').press('Alt+ArrowDown');
    await phone().getByText('“退货”现在是“服务”下的第 2 个。').waitFor();
    assert.deepEqual(await names(), ['今日', '门店', '退货', '服务']);
    const focused = () => page.evaluate(() => document.activeElement.innerText.trim());
    assert.equal(await focused(), '退货');
    await page.keyboard.press('Alt+ArrowLeft');
    await phone().getByText('“退货”现在是“今日”下的第 1 个。').waitFor();
    await onPhone('今日').press('Alt+ArrowRight');
    assert.deepEqual((await names()).slice(0, 1), ['服务']);
    // The same without dragging or keys.
    await onPhone('退货').click();
    await page.getByLabel('位置').selectOption({ label: '一级菜单' });
    assert.equal(await phone().locator('.tab[data-id]').count(), 3);
    page.once('dialog', (question) => question.accept());
    await button('放弃修改').click();
    assert.deepEqual(await names(), ['今日', '服务']);
  });

  it('keeps changes while one looks elsewhere', async () => {
    await begin(TWO);
    await onPhone('今日').click();
    await field('name').fill('昨日');
    await page.locator('nav').getByText('错误码').click();
    await visit.heading('错误码').waitFor();
    await page.locator('nav').getByText('自定义菜单').click();
    await onPhone('昨日').waitFor();
    await page.getByText('尚未应用').waitFor();
    assert.equal((await live()).button[0].name, '今日');
  });

  it('makes a menu for some people, and knows who sees which', async () => {
    const tag = await demo.api('POST', '/accounts/demo-oa/tags', { name: '华东' });
    await demo.api('POST', `/accounts/demo-oa/tags/${tag.id}/members`, { openids: [demo.openid] });
    await begin(TWO);
    await button('个性化菜单').click();
    await button('预览变更').click();
    await page.getByText('请选择标签、手机系统，或两者都选。').waitFor();
    await page.locator('[name=tag]').selectOption(String(tag.id));
    await onPhone('今日').click();
    await field('name').fill('会员日');
    await apply();
    await field('openid').fill(demo.openid);
    await button('查询').click();
    await page.locator('.bar-line').getByText('会员日').waitFor();
    assert.deepEqual((await live()).conditional[0].matchrule, { tag_id: tag.id });
  });

  it('shows what was there before, and goes back to it', async () => {
    await demo.api('PUT', '/accounts/demo-oa/menu', { button: [{ type: 'click', name: '从前', key: 'ONCE' }] });
    const { items } = await demo.api('GET', '/accounts/demo-oa/menu/versions?limit=1');
    await begin(TWO);
    await button(`查看版本 ${items[0].version}`).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: '从前', exact: true }).waitFor();
    await dialog.getByRole('heading', { name: '恢复将带来的变更' }).waitFor();
    await visit.accessible('a version of a menu');
    await dialog.getByRole('button', { name: '恢复到此版本' }).click();
    await dialog.waitFor({ state: 'detached' });
    await onPhone('从前').waitFor();
    assert.equal((await live()).button[0].key, 'ONCE');
  });

  it('shows a menu of WeChat’s console as it is, until it is taken over', async () => {
    await demo.api('DELETE', '/accounts/demo-oa/menu');
    await demo.control('PUT', `/accounts/${demo.account.appid}/console-menu`, {
      button: [
        { type: 'click', name: '老菜单', key: 'OLD' },
        { type: 'text', name: '电话', value: '400-000-0000' },
      ],
    });
    await begin();
    await onPhone('电话').click();
    await page.getByText('发送内容：400-000-0000').waitFor();
    assert.equal(await field('name').isEnabled(), false);
    await button('接管并修改').click();
    await page.getByText('这种菜单只能在微信后台创建').waitFor();
    await button('删除').click();
    await apply();
    const now = await demo.api('GET', '/accounts/demo-oa/menu');
    assert.deepEqual([now.source, now.menu.button.length], ['api', 1]);
  });

  it('can be read by viewers, and not changed', async () => {
    await visit.close();
    await demo.api('PUT', '/accounts/demo-oa/menu', TWO);
    await open({}, VIEWER, 'viewer');
    await begin();
    await onPhone('今日').click();
    assert.equal(await field('key').inputValue(), 'TODAY');
    assert.equal(await field('key').isEnabled(), false);
    for (const name of ['添加一级菜单', '删除菜单', '删除']) assert.equal(await button(name).count(), 0, name);
  });

  it('fits a phone, dark', async () => {
    await visit.close();
    await demo.api('PUT', '/accounts/demo-oa/menu', TWO);
    await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: 'dark' });
    await begin();
    await onPhone('服务').tap();
    await onPhone('门店').tap();
    assert.equal(await visit.overflow(), 0);
    await visit.accessible('menus on a phone');
  });
});
