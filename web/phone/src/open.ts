// Opening pages for the person of the phone.

import { refusesFrames } from './logic/pages';
import { go } from './nav';
import { account, beThisPerson, notify, state } from './store';
import { t } from './words';

/** Whether a page gets a window of its own, as wide as a phone. */
export function needsWindow(url: string): boolean {
  return refusesFrames(url, state.accounts.flatMap((one) => (one.callback ? [one.callback.url] : [])));
}

export function openWindow(url: string): void {
  beThisPerson();
  if (!window.open(url, '_blank', 'popup,width=400,height=780')) {
    notify({ kind: 'problem', text: t('window_blocked') });
  }
}

export function openMini(appid: string, path: string): void {
  if (account(appid)?.kind === 'mini_program') go({ name: 'mini', appid, path });
  else notify({ kind: 'problem', text: t('no_such_mini', { appid }) });
}

export function openPage(url: string): void {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    notify({ kind: 'problem', text: t('bad_address') });
    return;
  }
  beThisPerson();
  go({ name: 'browser', url });
  if (needsWindow(url)) openWindow(url);
}
