import type { PageEntry } from '../../nav';

export default {
  path: 'keys',
  name: 'keys',
  label: { en: 'API keys', zh: 'API 密钥' },
  icon: 'keys',
  group: 'system',
  order: 70,
  scope: 'admin',
  component: () => import('./Keys.vue'),
} satisfies PageEntry;
