// The words of the frame; each page brings its own by `useWords`.

import { fill, makeI18n, useTheme, type Lang, type Params, type Words } from '@hongyan/kit';
import { en } from './words/en';
import { zh } from './words/zh';

export const { lang, t, has, toggle: toggleLang } = makeI18n({ zh, en }, 'hongyan.console.lang');
export const { theme, next: nextTheme } = useTheme('hongyan.console.theme');

/** A page's own words, in the language of the frame. The Chinese must have every key of the English. */
export function useWords<W extends Words>(words: { en: W; zh: Record<keyof W, string> }) {
  return (key: keyof W & string, params?: Params): string => fill(words[lang.value][key], params);
}

/** One of two texts, such as a diagnosis in both languages. */
export function either(both: Record<Lang, string>): string {
  return both[lang.value];
}
