import { makeI18n, useTheme } from '@hongyan/kit';
import { Problem } from './api';
import { en } from './words/en';
import { zh } from './words/zh';

export const { lang, t, has, toggle: toggleLang } = makeI18n({ zh, en }, 'hongyan.lang');
export const { theme, next: nextTheme } = useTheme('hongyan.theme');

export type Key = keyof typeof en;

/** What a refusal of the control API means, and what to do. */
export function explain(code: string): string {
  const key = `problem_${code}`;
  return has(key) ? t(key) : t('problem_other', { code });
}

export const explainError = (error: unknown) =>
  error instanceof Problem ? `${explain(error.code)} ${error.detail}` : String(error);
