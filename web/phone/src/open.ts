// Opening pages for the person of the phone.

import { go } from './nav';
import { beThisPerson, notify, state } from './store';
import { t } from './words';

/**
 * Servers that receive callbacks forbid others to frame their pages, so theirs get a
 * window of their own, as wide as a phone.
 */
export function needsWindow(url: string, callbacks: readonly string[]): boolean {
  const origin = (text: string) => (URL.canParse(text) ? new URL(text).origin : '');
  return callbacks.some((one) => origin(one) !== '' && origin(one) === origin(url));
}

export function openWindow(url: string): void {
  beThisPerson();
  if (!window.open(url, '_blank', 'popup,width=400,height=780')) {
    notify({ kind: 'problem', text: t('window_blocked') });
  }
}

export function openPage(url: string): void {
  if (!/^https?:\/\//i.test(url)) {
    notify({ kind: 'problem', text: t('bad_address') });
    return;
  }
  beThisPerson();
  go({ name: 'browser', url });
  const callbacks = state.accounts.flatMap((one) => (one.callback ? [one.callback.url] : []));
  if (needsWindow(url, callbacks)) openWindow(url);
}
