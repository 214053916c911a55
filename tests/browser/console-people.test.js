'use strict';
// The console's people in a real browser, beside the real demo.

const { after, afterEach, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { Demo, openBrowser } = require('./demo');
const { ConsoleVisit } = require('./visit');

const VIEWER = { name: 'vera', password: 'looking and nothing else' };

describe('console: people', { timeout: 120_000 }, () => {
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
    await visit.go('people');
  };
  const openPerson = async (openid = demo.openid) => {
    await visit.signIn();
    await visit.go(`people/demo-oa/${openid}`);
    await page.getByRole('heading', { name: '现在能联系到吗？' }).waitFor();
  };
  const does = (action, more = {}) =>
    demo.control('POST', `/people/${demo.person.person_id}/actions`, {
      appid: demo.account.appid,
      action,
      ...more,
    });
  const section = (name) =>
    page.locator('section', { has: page.getByRole('heading', { name, exact: true }) });
  const accept = () => page.once('dialog', (question) => question.accept());

  it('says whether a person can be reached, and leads to the sending', async () => {
    await does('subscribe_popup', { results: { [demo.template('notification')]: 'reject' } });
    await openPerson();
    await page.getByText('可以，现在发送能送达').waitFor();
    await section('现在能联系到吗？').getByText('该用户已拒收此模板的消息').waitFor();
    await page.getByRole('link', { name: '发送 订单发货通知' }).click();
    await visit.heading('发送消息').waitFor();
    assert.equal(await page.locator('input[name=to]').inputValue(), demo.openid);
    await page.locator('input[name=thing1]').waitFor();
  });

  it('shows what a person does as they do it: what they wrote, and the window it opens', async () => {
    await openPerson();
    await does('send_text', { content: '在吗？' });
    await section('往来记录').getByText('在吗？').waitFor();
    const open = section('客服会话窗口').locator('li', { hasText: '对方发了消息' });
    await open.getByText('开启', { exact: true }).first().waitFor();
    await page.getByRole('link', { name: '发送 客服消息' }).waitFor();
  });

  it('shows consents with the answers they came from', async () => {
    const id = demo.template('notification');
    await does('subscribe_popup', { results: { [id]: 'accept' } });
    await openPerson();
    const consents = section('订阅授权');
    await consents.getByText('剩余 1 次').waitFor();
    await does('subscribe_popup', { results: { [id]: 'accept' } });
    await consents.getByText('剩余 2 次').waitFor();
    await does('subscribe_popup', { results: { [id]: 'reject' } });
    await consents.getByText('对方的选择记录').click();
    const answers = consents.locator('ol li');
    await answers.nth(1).waitFor();
    const told = await answers.allInnerTexts();
    assert.match(told[0], /^拒绝 课程开始提醒/);
    assert.match(told[1], /^同意 课程开始提醒/);
  });

  it('names, tags and blocks a person at WeChat', async () => {
    await openPerson();
    await visit.button('修改备注').click();
    await page.locator('input[name=remark]').fill('一二三四五六七八九十');
    await page.getByText('30 / 29 字节').waitFor();
    assert.equal(await visit.button('保存').isDisabled(), true);
    await page.locator('input[name=remark]').fill('老客户');
    await visit.button('保存').click();
    await visit.heading('老客户').waitFor();

    await visit.button('添加标签').click();
    await page.getByRole('combobox', { name: '添加标签' }).selectOption({ label: '星标组' });
    await visit.button('移除标签 星标组').waitFor();
    const { items } = await demo.api('GET', '/accounts/demo-oa/tags/2/members');
    assert.deepEqual(items, [demo.openid]);

    await visit.button('询问微信').click();
    await page.getByText('不在黑名单中').waitFor();
    accept();
    await visit.button('加入黑名单').click();
    await page.getByText('在黑名单中', { exact: true }).waitFor();
    const blocked = await demo.api('GET', '/accounts/demo-oa/blacklist');
    assert.deepEqual(blocked.items, [demo.openid]);
    await visit.button('移出黑名单').click();
    await page.getByText('不在黑名单中').waitFor();
  });

  it('binds a user id, by which the person is found, and takes it over only when told to', async () => {
    const { items } = await demo.api('GET', '/accounts/demo-oa/contacts');
    const other = items.find((one) => one.openid !== demo.openid).openid;
    await demo.api('PUT', '/users/u-42', { openids: { 'demo-oa': other } });
    await openPerson();
    await visit.button('绑定').click();
    await page.locator('input[name=user-id]').fill('u-43');
    await visit.button('保存').click();
    await page.getByText('已绑定').waitFor();
    await visit.go('people');
    await visit.choose('demo-oa');
    await page.locator('input[name=person]').fill('u-43');
    await visit.button('搜索').click();
    await page.getByRole('heading', { name: '现在能联系到吗？' }).waitFor();
    assert.ok(page.url().endsWith(demo.openid));

    await visit.go(`people/demo-oa/${other}`);
    await page.getByText('u-42', { exact: true }).waitFor();
    await visit.button('修改').click();
    await page.locator('input[name=user-id]').fill('u-44');
    await visit.button('保存').click();
    await page.getByText('u-42').first().waitFor();
    await visit.button('改绑到这里').click();
    await page.getByText('u-44', { exact: true }).waitFor();
    assert.deepEqual((await demo.api('GET', '/users/u-44')).openids, { 'demo-oa': other });
  });

  it('syncs the followers, tags several people, and lists them by their tag', async () => {
    await demo.control('POST', '/bulk/people', {
      appid: demo.account.appid,
      count: 30,
      follows: true,
    });
    await openList();
    await visit.button('同步关注者').click();
    await page.getByText(/共 3\d 位关注者/).waitFor({ timeout: 20_000 });
    await page.locator('tbody tr').nth(32).waitFor();

    await visit.button('管理标签').click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('input[name=tag]').fill('华东');
    await dialog.getByRole('button', { name: '添加' }).click();
    await dialog.locator('li', { hasText: '华东' }).waitFor();
    await visit.accessible('tags');
    await dialog.getByRole('button', { name: '关闭' }).click();

    for (const at of [3, 4]) await page.locator('tbody input[type=checkbox]').nth(at).check();
    await page.getByRole('combobox', { name: '标签' }).selectOption({ label: '华东' });
    await visit.button('添加标签').click();
    await page.getByText('已处理 2 人').waitFor();
    await page.getByRole('combobox', { name: '哪些用户' }).selectOption({ label: '华东 (2)' });
    await page.locator('tbody tr').nth(1).waitFor();
    assert.equal(await page.locator('tbody tr').count(), 2);
  });

  it('says so where nobody is found, and leaves changes to those who may', async () => {
    await openList(VIEWER, 'viewer');
    await page.locator('input[name=person]').fill('oNobodyAtAll');
    await visit.button('搜索').click();
    await page.getByText('没有人的 openid、用户 ID 或 unionid 是“oNobodyAtAll”').waitFor();
    assert.equal(await visit.button('同步关注者').count(), 0);
    await visit.go(`people/demo-oa/${demo.openid}`);
    await page.getByRole('heading', { name: '往来记录' }).waitFor();
    for (const name of ['绑定', '修改备注', '忘记此人']) {
      assert.equal(await visit.button(name).count(), 0, name);
    }
  });

  for (const colorScheme of ['light', 'dark']) {
    it(`is accessible and fits a phone, ${colorScheme}`, async () => {
      await visit.close();
      const viewport = { width: 390, height: 844 };
      visit = await ConsoleVisit.open(browser, demo, { colorScheme, viewport });
      ({ page } = visit);
      await openList();
      const paths = ['people', `people/demo-oa/${demo.openid}`, 'people/demo-oa/oNobody'];
      for (const path of paths) {
        await visit.go(path);
        await page.locator('main .panel').first().waitFor();
        await page.getByText('加载中…').first().waitFor({ state: 'detached' });
        await visit.accessible(path);
        assert.equal(await visit.overflow(), 0, path);
      }
    });
  }
});
