import type { PageEntry } from '../../nav';

export default {
  path: 'menus',
  name: 'menus',
  label: { en: 'Menus', zh: '自定义菜单' },
  icon: 'menus',
  group: 'people',
  order: 32,
  accountKind: 'official_account',
  component: () => import('./Menus.vue'),
} satisfies PageEntry;
