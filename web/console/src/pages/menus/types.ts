// The types of buttons in the order people look for them.

import type { Type } from '../../logic/menu';

export const GROUPS = [
  ['group_open', ['view', 'miniprogram', 'article_view_limited', 'view_limited']],
  ['group_tell', ['click', 'location_select']],
  ['group_send', ['article_id', 'media_id']],
  ['group_scan', ['scancode_waitmsg', 'scancode_push']],
  ['group_picture', ['pic_photo_or_album', 'pic_sysphoto', 'pic_weixin']],
] as const satisfies readonly (readonly [string, readonly Type[]])[];
