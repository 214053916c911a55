// What a tap on a menu does.

import type { Button } from '../types';

/** Buttons below a button; WeChat's two notations differ in a level. */
export function below(button: Button): Button[] {
  const sub = button.sub_button;
  if (Array.isArray(sub)) return sub;
  return sub?.list ?? [];
}

export type Tap =
  | { does: 'open'; items: Button[] }
  | { does: 'click'; key: string }
  | { does: 'view'; url: string }
  | { does: 'mini'; appid: string; path: string; url: string }
  | { does: 'scan'; key: string; waits: boolean }
  | { does: 'picture'; key: string }
  | { does: 'place'; key: string }
  /** Sends a medium or article that only WeChat's servers could show. */
  | { does: 'medium'; id: string }
  | { does: 'nothing' };

/** A button with buttons below it only opens them, whatever else it has. */
export function tap(button: Button): Tap {
  const items = below(button);
  if (items.length > 0) return { does: 'open', items };
  const key = button.key ?? '';
  switch (button.type) {
    case 'click':
      return { does: 'click', key };
    case 'view':
      return { does: 'view', url: button.url ?? '' };
    case 'miniprogram':
      return {
        does: 'mini',
        appid: button.appid ?? '',
        path: button.pagepath ?? '',
        url: button.url ?? '',
      };
    case 'scancode_push':
      return { does: 'scan', key, waits: false };
    case 'scancode_waitmsg':
      return { does: 'scan', key, waits: true };
    case 'pic_sysphoto':
    case 'pic_photo_or_album':
    case 'pic_weixin':
      return { does: 'picture', key };
    case 'location_select':
      return { does: 'place', key };
    case 'media_id':
    case 'article_id':
    case 'article_view_limited':
    case 'view_limited':
      return { does: 'medium', id: button.media_id ?? button.article_id ?? '' };
    default:
      return { does: 'nothing' };
  }
}
