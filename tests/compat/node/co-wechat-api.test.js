'use strict';
// co-wechat-api against the sandbox: classic tokens, template messages, errors.

const { after, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const WechatAPI = require('co-wechat-api');
const { Sandbox } = require('./sandbox');

const CONTENT = '商品名称：{{thing1.DATA}}\n发货时间：{{time2.DATA}}\n';
const DATA = {
  thing1: { value: '茶叶 🍵 两盒', color: '#173177' },
  time2: { value: '2026年11月20日 10:00' },
};

describe('co-wechat-api', () => {
  let sandbox, account, api, template, someone;

  const client = (appid, secret) => {
    const api = new WechatAPI(appid, secret);
    api.prefix = `${sandbox.url}/cgi-bin/`;
    return api;
  };
  const send = (data = DATA, to = someone.openid, id = template) =>
    api.sendTemplate(to, id, 'https://example.com/orders/42', '', data);
  const refused = (code, call) =>
    assert.rejects(call, (error) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, / rid: /);
      return true;
    });

  before(async () => {
    sandbox = await Sandbox.start();
  });
  after(() => sandbox.close());
  beforeEach(async () => {
    account = await sandbox.account();
    api = client(account.appid, account.secret);
    template = await sandbox.template(account.appid, CONTENT);
    someone = await sandbox.follower(account.appid);
  });

  it('shows on the phone what was sent', async () => {
    const { msgid } = await send();
    const [card, ...others] = await sandbox.inbox(someone.person);
    assert.deepEqual(others, []);
    assert.equal(card.title, '订单发货通知');
    assert.deepEqual(card.lines, ['商品名称：茶叶 🍵 两盒', '发货时间：2026年11月20日 10:00']);
    assert.equal(card.url, 'https://example.com/orders/42');
    // The SDK keeps all digits of a number that no float can hold.
    assert.ok(msgid.gt(Number.MAX_SAFE_INTEGER), `${msgid}`);
  });

  it('lists the templates', async () => {
    const { template_list: listed } = await api.getAllPrivateTemplate();
    assert.deepEqual(listed.map((one) => one.template_id), [template]);
    await api.delPrivateTemplate(template);
    assert.deepEqual((await api.getAllPrivateTemplate()).template_list, []);
    await refused(40037, () => send());
  });

  it('is refused with a wrong secret', async () => {
    await refused(40125, () => client(account.appid, '0'.repeat(32)).getAccessToken());
  });

  it('is refused for a stranger and for one who left', async () => {
    await refused(40003, () => send(DATA, 'o' + '0'.repeat(27)));
    await sandbox.act(someone.person, account.appid, 'unfollow');
    await refused(43004, () => send());
    assert.deepEqual(await sandbox.deliveries(account.appid), []);
  });

  it('is refused for an unknown template and a bad keyword', async () => {
    await refused(40037, () => send(DATA, someone.openid, 'x'.repeat(43)));
    await refused(47003, () => send({ ...DATA, thing1: { value: '长'.repeat(21) } }));
  });

  it('renews by itself a token that another program replaced', async () => {
    const { accessToken: old } = await api.getAccessToken();
    await client(account.appid, account.secret).getAccessToken();
    await sandbox.advance(301);
    await send();
    assert.notEqual((await api.ensureAccessToken()).accessToken, old);
    assert.equal((await sandbox.inbox(someone.person)).length, 1);
  });

  it('says 40001 where it must not renew', async () => {
    const { accessToken } = await api.getAccessToken();
    await client(account.appid, account.secret).getAccessToken();
    await sandbox.advance(301);
    const fixed = async () => ({ accessToken, expireTime: Date.now() + 60_000 });
    api = new WechatAPI(account.appid, account.secret, fixed, null, true);
    api.prefix = `${sandbox.url}/cgi-bin/`;
    await refused(40001, () => send());
  });

  it('sends a subscribe message for each consent', async () => {
    account = await sandbox.account('mini_program');
    api = client(account.appid, account.secret);
    template = await sandbox.template(account.appid, '取餐码：{{character_string1.DATA}}\n', {
      kind: 'subscribe',
    });
    someone = await sandbox.person(account.appid);
    const data = { character_string1: { value: 'A12' } };
    const send = () => api.sendSubscribeMessage(someone.openid, template, 'pages/order', data);
    await refused(43101, send);
    const results = { [template]: 'accept' };
    await sandbox.act(someone.person, account.appid, 'subscribe_popup', { results });
    await send();
    await refused(43101, send);
    assert.deepEqual((await sandbox.inbox(someone.person))[0].lines, ['取餐码：A12']);
  });
});
