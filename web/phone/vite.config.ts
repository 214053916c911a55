import { page } from '../embed/page';

export default page(
  'phone',
  ['vue/LICENSE', 'weui/LICENSE.txt'],
  ['/sandbox', '/cgi-bin', '/open', '/connect', '/mp'],
  process.env.SANDBOX_URL ?? 'http://127.0.0.1:8700',
);
