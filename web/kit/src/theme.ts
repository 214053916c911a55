// Light and dark: as the system says, or as the person chose.

import { ref, watchEffect, type Ref } from 'vue';
import { read, write } from './i18n';

export type Theme = 'auto' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

/** The next of the three, for a button that walks through them. */
export function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
}

/** Keeps `data-theme` of the page at what counts now. */
export function useTheme(storageKey: string): { theme: Ref<Theme>; next: () => void } {
  const kept = read(storageKey);
  const theme = ref<Theme>(THEMES.find((one) => one === kept) ?? 'auto');
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const dark = ref(system.matches);
  system.addEventListener('change', (change) => (dark.value = change.matches));
  watchEffect(() => {
    const now = theme.value === 'auto' ? (dark.value ? 'dark' : 'light') : theme.value;
    document.documentElement.dataset.theme = now;
    document.body.dataset.weuiTheme = now;
  });
  return {
    theme,
    next: () => {
      theme.value = nextTheme(theme.value);
      write(storageKey, theme.value);
    },
  };
}
