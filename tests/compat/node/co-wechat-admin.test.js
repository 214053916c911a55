'use strict';
// co-wechat-api on menus, people, media and codes of the sandbox.

const { after, before, beforeEach, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const WechatAPI = require('co-wechat-api');
const { Sandbox } = require('./sandbox');

const PNG = Buffer.from('89504e470d0a1a0a00112233', 'hex');
const MENU = {
  button: [
    { type: 'click', name: '今日歌曲', key: 'TODAY' },
    { name: '菜单', sub_button: [{ type: 'view', name: '搜索', url: 'https://search.example/' }] },
  ],
};

describe('co-wechat-api, administration', () => {
  let sandbox, account, api, folder, picture;

  const refused = (code, call) =>
    assert.rejects(call, (error) => {
      assert.equal(error.code, code, error.message);
      return true;
    });

  before(async () => {
    sandbox = await Sandbox.start();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'compat-'));
    picture = path.join(folder, 'picture.png');
    fs.writeFileSync(picture, PNG);
  });
  after(async () => {
    fs.rmSync(folder, { recursive: true });
    await sandbox.close();
  });
  beforeEach(async () => {
    account = await sandbox.account();
    api = new WechatAPI(account.appid, account.secret);
    api.prefix = `${sandbox.url}/cgi-bin/`;
  });

  it('makes, reads and removes a menu', async () => {
    await refused(46003, () => api.getMenu());
    await api.createMenu(MENU);
    const { menu } = await api.getMenu();
    assert.equal(menu.button[1].sub_button[0].url, 'https://search.example/');
    const { selfmenu_info: info } = await api.getMenuConfig();
    assert.equal(info.button[1].sub_button.list[0].name, '搜索');
    const ios = { button: MENU.button, matchrule: { client_platform_type: '1' } };
    const { menuid } = await api.addConditionalMenu(ios);
    const { openid } = await sandbox.follower(account.appid);
    assert.equal((await api.tryConditionalMenu(openid)).button.length, 2);
    await api.delConditionalMenu(menuid);
    await api.removeMenu();
    await refused(46003, () => api.getMenu());
    await refused(40016, () => api.createMenu({ button: [] }));
  });

  it('pages and describes followers', async () => {
    await sandbox.control('POST', '/bulk/people', { appid: account.appid, count: 10_002 });
    const first = await api.getFollowers();
    const second = await api.getFollowers(first.next_openid);
    assert.equal(first.count + second.count, 10_002);
    const [openid] = second.data.openid;
    await api.updateRemark(openid, '老客户');
    const { user_info_list: people } = await api.batchGetUsers([openid, first.data.openid[0]]);
    assert.deepEqual(people.map((one) => one.remark), ['老客户', '']);
    assert.equal((await api.getUser(openid)).subscribe, 1);
  });

  it('tags people', async () => {
    const { openid } = await sandbox.follower(account.appid);
    const { tag } = await api.createTags('广东');
    await api.updateTag(tag.id, '广州');
    await api.batchTagging([openid], tag.id);
    assert.deepEqual((await api.getIdList(openid)).tagid_list, [tag.id]);
    assert.deepEqual((await api.getUsersFromTag(tag.id)).data.openid, [openid]);
    const { tags } = await api.getTags();
    assert.deepEqual(tags.at(-1), { id: tag.id, name: '广州', count: 1 });
    await api.batchUnTagging([openid], tag.id);
    await api.deleteTag(tag.id);
    await refused(45159, () => api.batchTagging([openid], tag.id));
  });

  it('uploads a picture and sends it', async () => {
    const { person, openid } = await sandbox.follower(account.appid);
    const { media_id: id } = await api.uploadImageMedia(picture);
    assert.deepEqual(await api.getMedia(id), PNG);
    await api.sendImage(openid, id);
    assert.equal((await sandbox.inbox(person))[0].content.image.media_id, id);
    const { media_id: kept } = await api.uploadImageMaterial(picture);
    assert.equal((await api.getMaterialCount()).image_count, 1);
    assert.equal((await api.getMaterials('image', 0, 1)).item[0].media_id, kept);
    await api.removeMaterial(kept);
    assert.equal((await api.getMaterialCount()).image_count, 0);
  });

  it('makes codes that people scan', async () => {
    const { ticket } = await api.createTmpQRCode(123, 600);
    const { person_id: person } = await sandbox.control('POST', '/people', { nickname: '新客' });
    const { openid } = await sandbox.act(person, account.appid, 'scan', { ticket });
    assert.equal((await api.getUser(openid)).qr_scene, 123);
    assert.equal((await api.createLimitQRCode('door')).expire_seconds, undefined);
    const drawn = await fetch(`${sandbox.url}/cgi-bin/showqrcode?ticket=${encodeURIComponent(ticket)}`);
    assert.equal(drawn.status, 200);
  });
});
