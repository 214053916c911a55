import type { PageEntry } from '../../nav';

export default {
  path: 'accounts',
  name: 'accounts',
  label: { en: 'Accounts', zh: '账号' },
  icon: 'accounts',
  group: 'people',
  order: 60,
  component: () => import('./Accounts.vue'),
  more: [
    { path: '/accounts/new', name: 'new-account', component: () => import('./NewAccount.vue'), meta: { scope: 'admin' } },
    { path: '/accounts/:name', name: 'account', component: () => import('./AccountPage.vue') },
  ],
} satisfies PageEntry;
