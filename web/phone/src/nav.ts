// Where each person's phone is.

import { computed, reactive } from 'vue';
import { person } from './store';
import type { Template } from './types';

export type Tab = 'chats' | 'contacts' | 'discover' | 'me';

export type Screen =
  | { name: 'home'; tab: Tab }
  | { name: 'chat'; id: string }
  | { name: 'profile'; appid: string }
  | { name: 'mini'; appid: string; path: string }
  | { name: 'scan'; appid: string; menu?: string }
  | { name: 'browser'; url: string };

const stacks = reactive<Record<string, Screen[]>>({});

function stack(): Screen[] {
  const id = person.value?.person_id ?? '';
  return (stacks[id] ??= [{ name: 'home', tab: 'chats' }]);
}

export const screen = computed<Screen>(() => stack().at(-1) ?? { name: 'home', tab: 'chats' });
export const depth = computed(() => stack().length);

/** Opens a screen above the present one; the same one again changes nothing. */
export function go(to: Screen): void {
  const all = stack();
  if (JSON.stringify(all.at(-1)) === JSON.stringify(to)) return;
  all.push(to);
  if (all.length > 20) all.splice(1, 1);
}

export function back(): void {
  const all = stack();
  if (all.length > 1) all.pop();
}

export function show(tab: Tab): void {
  stack().splice(0, Infinity, { name: 'home', tab });
}

/** A subscription pop-up over the phone, and who waits for its answer. */
export interface Popup {
  appid: string;
  templates: Template[];
  /** `null` where the person closes it. */
  answer: (results: Record<string, 'accept' | 'reject'> | null) => void;
}
export const popup = reactive<{ open: Popup | null }>({ open: null });

export function ask(
  appid: string,
  templates: Template[],
): Promise<Record<string, 'accept' | 'reject'> | null> {
  return new Promise((resolve) => {
    popup.open?.answer(null);
    popup.open = {
      appid,
      templates,
      answer: (results) => {
        popup.open = null;
        resolve(results);
      },
    };
  });
}
