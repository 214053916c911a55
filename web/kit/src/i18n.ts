// Two languages, chosen by the browser and switchable. Words are plain objects, so
// the compiler sees a missing key, and no message is compiled at run time (which a
// strict content security policy would forbid).

import { ref, watchEffect, type Ref } from 'vue';

export type Lang = 'zh' | 'en';
export const LANGS: readonly Lang[] = ['zh', 'en'];

/** Words of one language; `{name}` stands for a parameter. */
export type Words = Record<string, string>;
export type Params = Record<string, string | number>;

export interface I18n<K extends string> {
  lang: Ref<Lang>;
  /** The words of a key in the present language, with parameters put in. */
  t: (key: K, params?: Params) => string;
  /** Whether there are words for something that is not known to be a key. */
  has: (key: string) => key is K;
  toggle: () => void;
}

/** Chinese where the browser asks for it first, English else. */
export function preferredLang(languages: readonly string[]): Lang {
  return (languages[0] ?? '').toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export function fill(text: string, params: Params = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in params ? String(params[name]) : whole,
  );
}

/**
 * Words in both languages. What a person chose is kept under `storageKey`.
 */
export function makeI18n<W extends Words>(
  words: Record<Lang, W>,
  storageKey: string,
): I18n<keyof W & string> {
  const kept = read(storageKey);
  const chosen = LANGS.find((one) => one === kept);
  const lang = ref<Lang>(chosen ?? preferredLang(navigator.languages ?? [navigator.language]));
  watchEffect(() => {
    document.documentElement.lang = lang.value === 'zh' ? 'zh-CN' : 'en';
  });
  return {
    lang,
    t: (key, params) => fill(words[lang.value][key] ?? key, params),
    has: (key): key is keyof W & string => key in words.en,
    toggle: () => {
      lang.value = lang.value === 'zh' ? 'en' : 'zh';
      write(storageKey, lang.value);
    },
  };
}

/** Storage that may be forbidden or full; then nothing is remembered. */
export function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A page that cannot remember still works.
  }
}
