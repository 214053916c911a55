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
  | { does: 'scan'; name: string }
  /** Everything else goes to the account by the button's name. */
  | { does: 'tap'; name: string }
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
    case 'scancode_waitmsg':
      return { does: 'scan', name: button.name };
    case undefined:
      return { does: 'nothing' };
    default:
      return { does: 'tap', name: button.name };
  }
}
