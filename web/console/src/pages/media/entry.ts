import type { PageEntry } from '../../nav';

export default {
  path: 'media',
  name: 'media',
  label: { en: 'Media', zh: '媒体文件' },
  icon: 'media',
  group: 'people',
  order: 35,
  component: () => import('./Media.vue'),
} satisfies PageEntry;
