// Addresses are behind `#`, so that the gateway serves one page.

import { createRouter, createWebHashHistory } from 'vue-router';
import { pages } from './nav';
import { loadSession, session } from './session';

export const router = createRouter({
  history: createWebHashHistory(),
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  routes: [
    { path: '/', redirect: '/overview' },
    { path: '/sign-in', name: 'sign-in', component: () => import('./entrance/SignIn.vue'), meta: { open: true } },
    { path: '/setup/:secret', name: 'setup', component: () => import('./entrance/SetUp.vue'), meta: { open: true } },
    ...pages.map((page) => ({
      path: `/${page.path}`,
      name: page.name,
      component: page.component,
      meta: { page: page.name, scope: page.scope ?? 'read' },
    })),
    ...pages.flatMap((page) =>
      (page.more ?? []).map((route) => ({
        ...route,
        meta: { page: page.name, scope: page.scope ?? 'read', ...route.meta },
      })),
    ),
    { path: '/:rest(.*)*', name: 'not-found', component: () => import('./entrance/NotFound.vue') },
  ],
});

router.beforeEach(async (to) => {
  if (to.meta.open) return true;
  if (session.value === null && (await loadSession()) === null) {
    return { name: 'sign-in', query: to.fullPath === '/overview' ? {} : { then: to.fullPath } };
  }
  return true;
});
