import type { PageEntry } from '../../nav';

export default {
  path: 'send',
  name: 'send',
  label: { en: 'Send', zh: '发送消息' },
  icon: 'send',
  group: 'messages',
  order: 11,
  scope: 'send',
  component: () => import('./Send.vue'),
} satisfies PageEntry;
