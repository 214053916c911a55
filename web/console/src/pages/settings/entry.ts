import type { PageEntry } from '../../nav';

export default {
  path: 'settings',
  name: 'settings',
  label: { en: 'Settings', zh: '设置' },
  icon: 'settings',
  group: 'system',
  order: 80,
  component: () => import('./Settings.vue'),
} satisfies PageEntry;
