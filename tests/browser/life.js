'use strict';
// Some life for a demo: people who write, tap and consent, messages that arrive and
// messages that do not.

const GOODS = ['湖笔', '徽墨', '宣纸', '端砚', '镇纸', '笔洗', '印泥', '毛毡', '砚滴', '臂搁'];

/** Fills a demo; what of it is worth a look by itself. */
async function liven(demo) {
  const people = demo.people.map((person) => ({ ...person, openid: person.openids[demo.account.appid] }));
  const mini = demo.mini.appid;
  const act = (person, appid, action, more = {}) =>
    demo.control('POST', `/people/${person.person_id}/actions`, { appid, action, ...more });
  const parcel = (goods) => ({ thing1: goods, time2: '2026-11-20 10:00' });
  const template_id = demo.template('template');
  const card = (person, goods, more = {}) =>
    demo.send({ kind: 'template', to: { openid: person.openid }, template_id, data: parcel(goods), ...more });

  for (const [index, goods] of GOODS.entries()) {
    await card(people[index % people.length], goods, { reference: `order-${1001 + index}` });
  }
  const refused = await card({ openid: 'oNobodyOfThisAccount00000000' }, '湖笔', { reference: 'order-1011' });
  await card({ openid: 'oSomebodyWhoIsNotThere000000' }, '徽墨', { reference: 'order-1012' });
  await act(people[1], demo.account.appid, 'block');
  await card(people[1], '端砚', { reference: 'order-1013' });
  await act(people[1], demo.account.appid, 'unblock');

  // Nobody consented: the other way is taken.
  const [meal, visit] = demo.mini.templates;
  const rerouted = await demo.send({
    account: demo.mini.name,
    kind: 'subscribe',
    to: { unionid: people[0].unionid },
    template_id: visit.template_id,
    data: { name1: '小雁', thing2: '内科', date3: '2026年11月20日' },
    reference: 'visit-7',
    fallback: [{ account: demo.account.name, kind: 'template', template_id, data: parcel('就诊提醒') }],
  });
  await act(people[0], mini, 'subscribe_popup', { results: { [meal.template_id]: 'accept' } });
  await demo.send({
    account: demo.mini.name,
    kind: 'subscribe',
    to: { openid: people[0].openids[mini] },
    template_id: meal.template_id,
    data: { character_string1: 'A12', thing2: '朝阳店', time3: '2026-11-20 10:00' },
    page: 'pages/order?id=1',
  });

  await act(people[0], demo.account.appid, 'send_text', { content: '帮助' });
  await act(people[2], demo.account.appid, 'send_text', { content: 'When does it ship?' });
  await demo.send({
    kind: 'customer_service',
    to: { openid: people[2].openid },
    content: { msgtype: 'text', text: { content: 'Tomorrow at ten.' } },
  });
  await demo.api('PUT', `/accounts/${demo.account.name}/menu`, {
    button: [
      { type: 'click', name: '今日新品', key: 'NEW' },
      {
        name: '服务',
        sub_button: [
          { type: 'view', name: '我的订单', url: 'https://shop.example.com/orders' },
          { type: 'click', name: '联系我们', key: 'CONTACT' },
        ],
      },
    ],
  });
  await demo.api('POST', `/accounts/${demo.account.name}/qrcodes`, { scene: 'window-display', name: '橱窗', permanent: true });
  const broadcast = await announce(demo, template_id);
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  await card(people[0], '宣纸', { send_at: tomorrow, reference: 'order-1014' });
  return { refused, rerouted, broadcast };
}

/** A broadcast to a good many people that is on its way for a while. */
async function announce(demo, template_id) {
  const { appid, name: account } = demo.account;
  const { openids_url } = await demo.control('POST', '/bulk/people', { appid, count: 1200 });
  const openids = (await (await fetch(openids_url)).text()).split('\n').filter(Boolean);
  return demo.api('POST', '/broadcasts', {
    name: '秋季新品',
    account,
    kind: 'template',
    template_id,
    data: { thing1: '{{ goods }}', time2: '2026-11-20 10:00' },
    audience: { recipients: openids.map((openid, nth) => ({ openid, fields: { goods: GOODS[nth % GOODS.length] } })) },
    rate_per_second: 10,
  });
}

module.exports = { liven };
