import type { PageEntry } from '../../nav';

export default {
  path: 'overview',
  name: 'overview',
  label: { en: 'Overview', zh: '概览' },
  icon: 'overview',
  group: 'top',
  order: 0,
  component: () => import('./Overview.vue'),
} satisfies PageEntry;
