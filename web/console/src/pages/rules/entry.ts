import type { PageEntry } from '../../nav';

export default {
  path: 'rules',
  name: 'rules',
  label: { en: 'Reply rules', zh: '回复规则' },
  icon: 'rules',
  group: 'people',
  order: 31,
  component: () => import('./Rules.vue'),
} satisfies PageEntry;
