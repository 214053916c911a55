import { page } from '../embed/page';

export default page(
  'console',
  ['vue/LICENSE', 'vue-router/LICENSE', 'uqr/LICENSE'],
  ['/v1', '/openapi.json', '/docs'],
  process.env.GATEWAY_URL ?? 'http://127.0.0.1:8600',
);
