import type { PageEntry } from '../../nav';

export default {
  path: 'people',
  name: 'people',
  label: { en: 'People', zh: '用户' },
  icon: 'people',
  group: 'people',
  order: 20,
  component: () => import('./People.vue'),
  more: [{ path: '/people/:account/:openid', name: 'person', component: () => import('./Person.vue') }],
} satisfies PageEntry;
