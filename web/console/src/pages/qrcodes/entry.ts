import type { PageEntry } from '../../nav';

export default {
  path: 'qrcodes',
  name: 'qrcodes',
  label: { en: 'QR codes', zh: '二维码' },
  icon: 'qrcode',
  group: 'people',
  order: 34,
  accountKind: 'official_account',
  component: () => import('./QrCodes.vue'),
} satisfies PageEntry;
