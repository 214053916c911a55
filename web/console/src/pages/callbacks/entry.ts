import type { PageEntry } from '../../nav';

export default {
  path: 'callbacks',
  name: 'callbacks',
  label: { en: 'Callbacks', zh: '回调记录' },
  icon: 'callbacks',
  group: 'people',
  order: 30,
  component: () => import('./Callbacks.vue'),
  more: [{ path: '/callbacks/:account/:id', name: 'callback', component: () => import('./CallbackStory.vue') }],
} satisfies PageEntry;
