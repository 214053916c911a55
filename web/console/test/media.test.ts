import { expect, it } from 'vitest';
import { keptUntil, sizeText, type Media } from '../src/logic/media';

it('knows until when WeChat keeps a file', () => {
  const media = { wechat_media_id: 'm', handed_over_at: '2026-11-20T10:00:00Z' } as Media;
  expect(keptUntil(media, Date.parse('2026-11-23T09:59:59Z'))).toBe('2026-11-23T10:00:00.000Z');
  expect(keptUntil(media, Date.parse('2026-11-23T10:00:00Z'))).toBeNull();
  expect(keptUntil({ ...media, wechat_media_id: null }, 0)).toBeNull();
});

it('tells lengths as people read them', () => {
  expect([sizeText(1023), sizeText(64 * 1024), sizeText(10_400_000)]).toEqual(['1023 B', '64.0 kB', '9.9 MB']);
});
