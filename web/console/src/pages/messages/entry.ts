import type { PageEntry } from '../../nav';

export default {
  path: 'messages',
  name: 'messages',
  label: { en: 'Messages', zh: '消息记录' },
  icon: 'messages',
  group: 'messages',
  order: 10,
  component: () => import('./Messages.vue'),
  more: [{ path: '/messages/:id', name: 'message', component: () => import('./MessageStory.vue') }],
} satisfies PageEntry;
