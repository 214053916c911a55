// Instants as people read them.

import type { Lang } from './i18n';

const locale = (lang: Lang) => (lang === 'zh' ? 'zh-CN' : 'en-GB');

/** Hour and minute. */
export function clockTime(at: number, lang: Lang): string {
  return new Intl.DateTimeFormat(locale(lang), { hour: '2-digit', minute: '2-digit' }).format(at);
}

/** To the millisecond, for logs. */
export function exactTime(at: number, lang: Lang): string {
  return new Intl.DateTimeFormat(locale(lang), {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
  }).format(at);
}

/** Date and time. */
export function dateTime(at: number, lang: Lang): string {
  return new Intl.DateTimeFormat(locale(lang), { dateStyle: 'medium', timeStyle: 'medium' }).format(
    at,
  );
}

/** As chat lists tell it: the time of today, the day of before. */
export function shortTime(at: number, now: number, lang: Lang): string {
  if (new Date(at).toDateString() === new Date(now).toDateString()) return clockTime(at, lang);
  return new Intl.DateTimeFormat(locale(lang), { month: 'numeric', day: 'numeric' }).format(at);
}
