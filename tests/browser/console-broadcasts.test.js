'use strict';
// Broadcasts in the console: from a file to many phones, with a pause.

const { after, afterEach, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { Demo, openBrowser } = require('./demo');
const { ConsoleVisit } = require('./visit');

const PEOPLE = 300;

describe('broadcasts in the console', { timeout: 300_000 }, () => {
  let demo, browser, visit, page, openids;

  before(async () => {
    [demo, browser] = await Promise.all([Demo.start(), openBrowser()]);
    const appid = demo.account.appid;
    const { openids_url: url } = await demo.control('POST', '/bulk/people', { appid, count: PEOPLE });
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${demo.key}` } });
    openids = (await answer.text()).trim().split('\n');
    assert.equal(openids.length, PEOPLE);
  });
  after(async () => {
    await browser?.close();
    await demo?.close();
  });
  const open = async (options) => {
    visit = await ConsoleVisit.open(browser, demo, options);
    page = visit.page;
    await visit.signIn();
    await visit.choose('demo-oa');
  };
  beforeEach(() => open());
  afterEach(() => visit.close());

  /** The file input takes a text as a file of this name. */
  const give = (name, text) =>
    page.locator('input[type=file]').setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });

  /** What arrived of a template's slot, by person. */
  async function arrived(slot) {
    const { items } = await demo.control('GET', '/deliveries?limit=10000');
    const all = new Map();
    for (const one of items.filter((item) => openids.includes(item.openid))) {
      all.set(one.openid, [...(all.get(one.openid) ?? []), one.data[slot].value]);
    }
    return all;
  }

  it('says what they are where there are none', async () => {
    await visit.go('broadcasts');
    await page.getByText('群发把一个模板发给许多人').waitFor();
    await visit.accessible('no broadcasts');
    await page.locator('main').getByRole('link', { name: '新建群发' }).last().click();
    await visit.heading('新建群发').waitFor();
    await visit.accessible('a new broadcast');
  });

  it('tell everybody in a file what is theirs, once, and rest in between', async () => {
    await visit.go('broadcasts/new');
    const lines = openids.map((openid, place) => `第${place}位,${openid},x`);
    await give('秋季.csv', `姓名;会员号;备注\n${lines.join('\n').replaceAll(',', ';')}\n;;\n`);
    await page.getByText(`${PEOPLE} 人`, { exact: true }).waitFor();
    await page.getByText(`第 ${PEOPLE + 2} 行：没有说明是谁`).waitFor();
    await page.getByLabel('忽略这些行').check();
    assert.equal(await page.getByLabel('会员号 是').inputValue(), 'openid');
    await page.getByLabel('备注 是').selectOption('不使用');

    await page.getByLabel('模板', { exact: true }).selectOption({ label: '订单发货通知' });
    await page.locator('input[name=thing1]').fill('给');
    await visit.button('{{ 姓名 }}').click();
    assert.equal(await page.locator('input[name=thing1]').inputValue(), '给{{ 姓名 }}');
    // What is wrong with people's data is said before there is a broadcast.
    await page.locator('input[name=time2]').fill('{{ 姓名 }}');
    await page.getByText('前 100 人中有 100 人不符合规则。').waitFor();
    await page.locator('input[name=time2]').fill('2026-11-20 10:00');
    await page.getByText('前 100 人全部符合规则。').waitFor();
    await page.locator('article', { hasText: '给第0位' }).waitFor();
    await visit.button('下一个人').click();
    await page.locator('article', { hasText: '给第1位' }).waitFor();
    assert.equal(await page.locator('input[name=name]').inputValue(), '秋季');
    await page.locator('input[name=rate]').fill('60');
    await visit.accessible('a written broadcast');

    await visit.button('创建群发').click();
    await visit.heading('秋季').waitFor();
    await page.getByText('待开始', { exact: true }).waitFor();
    await visit.accessible('a ready broadcast');
    assert.equal((await arrived('thing1')).size, 0);

    page.once('dialog', (question) => question.accept());
    await visit.button('开始发送').click();
    await page.getByText('发送中', { exact: true }).waitFor();
    await visit.button('暂停').click();
    await page.getByText('已暂停', { exact: true }).waitFor();
    await visit.button('继续').waitFor();
    const id = page.url().split('/').pop();
    const { progress } = await demo.api('GET', `/broadcasts/${id}`);
    assert.ok(progress.over < PEOPLE, 'it rests before its end');
    await visit.accessible('a resting broadcast');
    await visit.button('继续').click();
    await page.getByText('已完成', { exact: true }).waitFor({ timeout: 30_000 });
    await page.getByText('100 %').waitFor();

    const all = await arrived('thing1');
    assert.equal(all.size, PEOPLE);
    openids.forEach((openid, place) => assert.deepEqual(all.get(openid), [`给第${place}位`]));

    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: '下载结果报告' }).click(),
    ]);
    assert.match(download.suggestedFilename(), /^bc_.*\.csv$/);
    await page.getByRole('link', { name: '其中的消息' }).click();
    await page.locator('tr', { hasText: '给第299位' }).waitFor();
    await visit.go('broadcasts');
    await page.locator('tr', { hasText: '秋季' }).getByText(`${PEOPLE} / ${PEOPLE}`).waitFor();
    await visit.accessible('broadcasts');
  });

  it('are not made of a file that is none, and say why', async () => {
    await visit.go('broadcasts/new');
    await give('people.xlsx', 'PK\u0003\u0004');
    await page.getByText('请在 Excel 中另存为“CSV UTF-8”').waitFor();
    await visit.button('创建群发').click();
    await page.getByText(/还缺：名单、.*名称/).waitFor();
    assert.deepEqual((await demo.api('GET', '/broadcasts')).items.filter((one) => one.name === 'people'), []);
  });

  it('do not start where a sample of their people breaks rules, and say whose', async () => {
    await visit.go('broadcasts/new');
    const lines = openids.map((openid, place) => `${openid},${'长'.repeat(place < 100 ? 2 : 21)}`);
    await give('太长.csv', `openid,name\n${lines.join('\n')}\n`);
    await page.getByLabel('模板', { exact: true }).selectOption({ label: '订单发货通知' });
    await page.locator('input[name=thing1]').fill('{{ name }}');
    await page.locator('input[name=time2]').fill('2026-11-20 10:00');
    await page.getByText('前 100 人全部符合规则。').waitFor();
    await visit.button('创建群发').click();
    await visit.heading('太长').waitFor();
    page.once('dialog', (question) => question.accept());
    await visit.button('开始发送').click();
    await page.getByRole('alert').getByText(/第 \d+ 人.*thing1/).first().waitFor();
    await page.getByText('有人的数据不符合规则，所以没有开始').waitFor();
    await visit.button('重新检查并开始').waitFor();
    assert.equal([...(await arrived('thing1')).values()].flat().includes('长长'), false);
  });

  it('are canceled where their people do not come through', async () => {
    await visit.go('broadcasts/new');
    await give('断开.csv', `openid\n${openids[0]}\n`);
    await page.getByLabel('模板', { exact: true }).selectOption({ label: '订单发货通知' });
    await page.locator('input[name=thing1]').fill('{{ openid[:4] }}');
    await page.locator('input[name=time2]').fill('2026-11-20 10:00');
    await page.locator('article', { hasText: openids[0].slice(0, 4) }).waitFor();
    await page.route('**/recipients', (route) => route.abort());
    await visit.button('创建群发').click();
    await page.getByRole('dialog').getByText('创建到一半的群发已取消').waitFor();
    await visit.accessible('an upload that broke off');
    await page.unroute('**/recipients');
    visit.complaints = visit.complaints.filter((one) => !one.includes('ERR_FAILED'));
    const { items } = await demo.api('GET', '/broadcasts');
    assert.equal(items.find((one) => one.name === '断开').state, 'canceled');
    // The same once more is another broadcast.
    await page.getByRole('dialog').getByRole('button', { name: '关闭' }).last().click();
    await visit.button('创建群发').click();
    await visit.heading('断开').waitFor();
    await page.getByText('待开始', { exact: true }).waitFor();
  });

  it('are stopped for good, and pass over whom they cannot tell', async () => {
    await visit.go('broadcasts/new');
    await page.getByText('粘贴名单').click();
    await page.locator('textarea[name=list]').fill(`user_id,name\nnobody-1,甲\n`);
    await page.getByLabel('模板', { exact: true }).selectOption({ label: '订单发货通知' });
    await page.locator('input[name=thing1]').fill('{{ name }}');
    await page.locator('input[name=time2]').fill('2026-11-20 10:00');
    await page.locator('input[name=name]').fill('无人认识');
    await page.locator('article', { hasText: '甲' }).waitFor();
    page.once('dialog', (question) => question.accept());
    await page.getByLabel('名单就绪后立即开始').check();
    await visit.button('创建并开始发送').click();
    await visit.heading('无人认识').waitFor();
    await page.locator('tr', { hasText: 'nobody-1' }).getByText('此账号不认识').waitFor({ timeout: 15_000 });

    const made = await demo.api('POST', '/broadcasts', {
      name: '不发了',
      account: 'demo-oa',
      kind: 'template',
      template_id: demo.template('template'),
      data: { thing1: 'x', time2: '2026-11-20 10:00' },
      audience: { recipients: [{ openid: openids[0] }] },
      start: false,
    });
    await visit.go(`broadcasts/${made.id}`);
    page.once('dialog', (question) => question.accept());
    await visit.button('彻底取消').click();
    await page.getByText('已取消', { exact: true }).first().waitFor();
    assert.equal((await demo.api('GET', `/broadcasts/${made.id}`)).state, 'canceled');
  });

  it('fit a phone', async () => {
    await visit.close();
    const phone = { width: 390, height: 844 };
    await open({ viewport: phone, hasTouch: true, isMobile: true, colorScheme: 'dark' });
    await visit.go('broadcasts/new');
    await visit.heading('新建群发').waitFor();
    await give('people.csv', `openid,a,b,c,d,e\n${openids[0]},1,2,3,4,5\n`);
    await page.getByText('1 人', { exact: true }).waitFor();
    assert.equal(await visit.overflow(), 0);
    await visit.go('broadcasts');
    await page.getByText('秋季').click();
    await visit.heading('秋季').waitFor();
    assert.equal(await visit.overflow(), 0);
    await visit.accessible('a broadcast in the dark');
  });
});
