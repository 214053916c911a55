import { expect, it } from 'vitest';
import { fileName, newCode, pictureOf, svgOf } from '../src/logic/qrcode';

it('draws the three corners of a code, within a quiet border', () => {
  const picture = pictureOf('http://weixin.qq.com/q/024ADBLqIkcPZTU41mQLCg');
  const dark = (x: number, y: number) => picture.path.includes(`M${x} ${y}h1v1h-1z`);
  const far = picture.size - 5;
  for (const [x, y] of [[4, 4], [far, 4], [4, far]] as const) expect(dark(x, y)).toBe(true);
  expect(dark(3, 4)).toBe(false);
  // The fourth corner has no such square of seven.
  expect([0, 1, 2, 3, 4, 5, 6].every((step) => dark(far - step, far))).toBe(false);
  expect(svgOf(picture)).toContain(`viewBox="0 0 ${picture.size} ${picture.size}"`);
});

it('asks for a code of some days, or for ever, never for both', () => {
  const form = { scene: ' shop-12 ', name: '', permanent: false, days: 7 };
  expect(newCode(form)).toEqual({ scene: 'shop-12', expires_in_seconds: 604_800 });
  expect(newCode({ ...form, name: 'Till', permanent: true })).toEqual({ scene: 'shop-12', name: 'Till', permanent: true });
});

it('names a file so that any system takes it', () => {
  expect(fileName('shop/12: till')).toBe('shop-12-till');
});
