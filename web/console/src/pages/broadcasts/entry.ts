import type { PageEntry } from '../../nav';

export default {
  path: 'broadcasts',
  name: 'broadcasts',
  label: { en: 'Broadcasts', zh: '群发' },
  icon: 'broadcast',
  group: 'messages',
  order: 13,
  component: () => import('./Broadcasts.vue'),
  more: [
    { path: '/broadcasts/new', name: 'new-broadcast', component: () => import('./NewBroadcast.vue'), meta: { scope: 'send' } },
    { path: '/broadcasts/:id', name: 'broadcast', component: () => import('./BroadcastPage.vue') },
  ],
} satisfies PageEntry;
