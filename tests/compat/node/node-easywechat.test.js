'use strict';
// node-easywechat against the sandbox: stable tokens.

const { after, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { OfficialAccount } = require('node-easywechat');
const { Sandbox } = require('./sandbox');

describe('node-easywechat', () => {
  let sandbox, account;

  const app = (stable, secret = account.secret) => {
    const app = new OfficialAccount({
      app_id: account.appid,
      secret,
      use_stable_access_token: stable,
      http: { baseURL: `${sandbox.url}/` },
    });
    // Its own cache is a folder that outlives the test.
    const kept = new Map();
    app.setCache({
      get: async (key) => kept.get(key) ?? null,
      set: async (key, value) => void kept.set(key, value),
      has: async (key) => kept.has(key),
      delete: async (key) => kept.delete(key),
    });
    return app;
  };
  const templates = async (app) =>
    (await app.getClient().get('cgi-bin/template/get_all_private_template')).toObject();

  before(async () => {
    sandbox = await Sandbox.start();
  });
  after(() => sandbox.close());
  beforeEach(async () => {
    account = await sandbox.account();
  });

  it('gives all programs the same stable token until one forces a new one', async () => {
    const [one, other] = [app(true).getAccessToken(), app(true).getAccessToken()];
    const token = await one.getToken();
    assert.equal(await other.getToken(), token);
    await sandbox.advance(31);
    const forced = await one.getStableAccessToken(true);
    assert.notEqual(forced, token);
    // A forced refresh ends the former token at once.
    const refusal = await templates(
      app(true).setAccessToken({ getToken: async () => token, toQuery: async () => ({ access_token: token }) }),
    );
    assert.equal(refusal.errcode, 40001, refusal.errmsg);
  });

  it('keeps stable and classic tokens apart', async () => {
    const stable = app(true);
    const token = await stable.getAccessToken().getToken();
    await app(false).getAccessToken().getToken();
    await app(false).getAccessToken().getToken();
    await sandbox.advance(301);
    assert.deepEqual((await templates(stable)).template_list, []);
    assert.equal(await stable.getAccessToken().getToken(), token);
  });

  it('sends with a stable token', async () => {
    const template = await sandbox.template(account.appid, '商品名称：{{thing1.DATA}}\n');
    const { person, openid } = await sandbox.follower(account.appid);
    const sent = await app(true)
      .getClient()
      .postJson('cgi-bin/message/template/send', {
        touser: openid,
        template_id: template,
        data: { thing1: { value: '茶叶两盒' } },
      });
    assert.equal(sent.toObject().errcode, 0);
    assert.deepEqual((await sandbox.inbox(person))[0].lines, ['商品名称：茶叶两盒']);
  });

  it('is refused with a wrong secret', async () => {
    await assert.rejects(app(true, '0'.repeat(32)).getAccessToken().getToken(), /40125/);
  });
});
