import type { PageEntry } from '../../nav';

export default {
  path: 'templates',
  name: 'templates',
  label: { en: 'Templates', zh: '模板' },
  icon: 'templates',
  group: 'messages',
  order: 20,
  component: () => import('./Templates.vue'),
  more: [
    { path: '/templates/library', name: 'template-library', component: () => import('./Library.vue'), meta: { scope: 'admin' } },
    { path: '/templates/changes', name: 'template-changes', component: () => import('./Changes.vue') },
    { path: '/templates/:account/:id', name: 'template', component: () => import('./TemplatePage.vue') },
  ],
} satisfies PageEntry;
