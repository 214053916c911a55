import type { PageEntry } from '../../nav';

export default {
  path: 'errcodes',
  name: 'errcodes',
  label: { en: 'Error codes', zh: '错误码' },
  icon: 'errcodes',
  group: 'system',
  order: 90,
  component: () => import('./ErrorCodes.vue'),
} satisfies PageEntry;
