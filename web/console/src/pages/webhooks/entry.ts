import type { PageEntry } from '../../nav';

export default {
  path: 'webhooks',
  name: 'webhooks',
  label: { en: 'Webhooks', zh: 'Webhook' },
  icon: 'link',
  group: 'system',
  order: 65,
  component: () => import('./Webhooks.vue'),
  more: [{ path: '/webhooks/:id', name: 'webhook', component: () => import('./WebhookPage.vue') }],
} satisfies PageEntry;
