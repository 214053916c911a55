// A search that stands in the address, so that it can be shared and gone back to.

import { computed, onScopeDispose, reactive, watch, type ComputedRef } from 'vue';
import { useRoute, useRouter } from 'vue-router';

/** How long somebody must have stopped typing before it is searched. */
const PAUSE_MS = 350;

export interface Filter<K extends string> {
  values: Record<K, string>;
  /** Whether anything is searched for. */
  filtered: ComputedRef<boolean>;
  clear: () => void;
}

/** A search by these names; `changed` hears of each change. */
export function useFilter<K extends string>(names: readonly K[], changed: () => unknown): Filter<K> {
  const route = useRoute();
  const router = useRouter();
  const asked = (name: K) => (typeof route.query[name] === 'string' ? route.query[name] : '');
  const values = reactive(Object.fromEntries(names.map((name) => [name, asked(name)]))) as Record<K, string>;
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(values, () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      void router.replace({ query: Object.fromEntries(names.filter((name) => values[name]).map((name) => [name, values[name]])) });
      changed();
    }, PAUSE_MS);
  });
  onScopeDispose(() => clearTimeout(timer));
  return {
    values,
    filtered: computed(() => names.some((name) => values[name])),
    clear: () => names.forEach((name) => (values[name] = '')),
  };
}

/** A browser's local date and time as the API takes it. */
export const instant = (local: string) => (local ? new Date(local).toISOString() : undefined);
