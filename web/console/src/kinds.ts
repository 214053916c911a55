// What people call the kinds of callbacks and answers; those without a name go by WeChat's.

import { lang } from './words';

// Kinds of callbacks (`text`, `event:scan`) and of answers, in lower case.
const NAMES: Record<string, { en: string; zh: string }> = {
  text: { en: 'Text', zh: '文本' },
  image: { en: 'Picture', zh: '图片' },
  voice: { en: 'Voice message', zh: '语音' },
  video: { en: 'Video', zh: '视频' },
  shortvideo: { en: 'Short video', zh: '小视频' },
  location: { en: 'Place', zh: '位置' },
  link: { en: 'Link', zh: '链接' },
  miniprogrampage: { en: 'Mini program card', zh: '小程序卡片' },
  music: { en: 'Music', zh: '音乐' },
  news: { en: 'Articles', zh: '图文' },
  nothing: { en: 'Nothing', zh: '不回复' },
  transfer_customer_service: { en: 'Handed over to an agent', zh: '转人工客服' },
  'event:subscribe': { en: 'Followed', zh: '关注' },
  'event:unsubscribe': { en: 'Unfollowed', zh: '取消关注' },
  'event:scan': { en: 'Scanned a code', zh: '扫描二维码' },
  'event:click': { en: 'Tapped a menu item', zh: '点击菜单' },
  'event:view': { en: 'Opened a page from the menu', zh: '菜单打开网页' },
  'event:view_miniprogram': { en: 'Opened a mini program from the menu', zh: '菜单打开小程序' },
  'event:location': { en: 'Reported where they are', zh: '上报位置' },
  'event:templatesendjobfinish': { en: 'Receipt of a template message', zh: '模板消息回执' },
  'event:subscribe_msg_popup_event': { en: 'Answered a consent pop-up', zh: '订阅弹窗选择' },
  'event:subscribe_msg_change_event': { en: 'Changed a consent', zh: '订阅管理变更' },
  'event:subscribe_msg_sent_event': { en: 'Receipt of a subscription message', zh: '订阅消息回执' },
  'event:user_enter_tempsession': { en: 'Opened customer service', zh: '进入客服会话' },
};

const nameOf = (key: string, otherwise: string) => NAMES[key.toLowerCase()]?.[lang.value] ?? otherwise;

/** The name of `text`, `event:SCAN` … */
export const kindName = (kind: string) => nameOf(kind, kind.replace(/^event:/, ''));
/** The name of an answer's type. */
export const answerName = (type: string) => nameOf(type, type);
