// Files shown in messages.

import type { Schema } from '../api/http';

export type Media = Schema['Media'];

/** The largest file the gateway takes, in bytes. */
export const LARGEST = 10 * 1024 * 1024;
/** How long WeChat keeps a file. */
const KEPT_MS = 3 * 24 * 60 * 60 * 1000;

/** Until when WeChat has a file; `null` = it has it not. The gateway hands it over anew when a message needs it. */
export function keptUntil(media: Media, now: number): string | null {
  if (!media.wechat_media_id || !media.handed_over_at) return null;
  const until = Date.parse(media.handed_over_at) + KEPT_MS;
  return until > now ? new Date(until).toISOString() : null;
}

/** A length in bytes as people read it. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} kB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
