// The first steps that nothing but this browser knows of.

import { read, write } from '@hongyan/kit';
import { ref } from 'vue';

export type First = 'broken_field' | 'guide_closed';
const KEY = 'hongyan.console.firsts';

const taken = ref(new Set((read(KEY) ?? '').split(' ').filter(Boolean)));

export const hasTaken = (step: First) => taken.value.has(step);

export function took(step: First): void {
  if (taken.value.has(step)) return;
  taken.value = new Set([...taken.value, step]);
  write(KEY, [...taken.value].join(' '));
}
export function forget(step: First): void {
  taken.value = new Set([...taken.value].filter((one) => one !== step));
  write(KEY, [...taken.value].join(' '));
}
