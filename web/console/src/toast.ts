// Short words that something is done; problems stay where they arose instead.

import { ref } from 'vue';

const SHOWN_MS = 4000;

export const toasts = ref<{ id: number; text: string }[]>([]);
let last = 0;

export function toast(text: string): void {
  const id = ++last;
  toasts.value.push({ id, text });
  setTimeout(() => (toasts.value = toasts.value.filter((one) => one.id !== id)), SHOWN_MS);
}
