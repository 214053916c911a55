// Lists page by page, by cursor: nothing is counted, nothing is skipped.

import { computed, ref, type Ref } from 'vue';
import { get, type Page, type Query } from './api/http';

/** Items of one request. */
const LIMIT = 50;

export interface PagedList<T> {
  items: Ref<T[]>;
  loading: Ref<boolean>;
  /** Whether the first page has come. */
  known: Ref<boolean>;
  error: Ref<unknown>;
  hasMore: Ref<boolean>;
  /** Whether further pages than the first are shown. */
  extended: Ref<boolean>;
  /** From the beginning. */
  load: () => Promise<void>;
  /** The next page. */
  more: () => Promise<void>;
  /** The first page anew, if no further one is shown: further ones stay where the reader is. */
  refresh: () => Promise<void>;
}

/** A list at `url()` with what `query()` asks for; `url` is `null` while there is nothing to ask. */
export function usePagedList<T>(url: () => string | null, query: () => Query = () => ({})): PagedList<T> {
  const items = ref([]) as Ref<T[]>;
  const cursor = ref<string | null>(null);
  const loading = ref(false);
  const known = ref(false);
  const pages = ref(0);
  const error = ref<unknown>(null);
  let turn = 0;

  async function fetchPage(from: string | null): Promise<void> {
    const at = url();
    if (at === null) return;
    const mine = ++turn;
    loading.value = true;
    try {
      const page = await get<Page<T>>(at, { limit: LIMIT, ...query(), cursor: from });
      // A later question overtook this one.
      if (mine !== turn) return;
      items.value = from === null ? page.items : [...items.value, ...page.items];
      pages.value = from === null ? 1 : pages.value + 1;
      cursor.value = page.next_cursor ?? null;
      known.value = true;
      error.value = null;
    } catch (problem) {
      if (mine === turn) error.value = problem;
    } finally {
      if (mine === turn) loading.value = false;
    }
  }

  return {
    items,
    loading,
    known,
    error,
    hasMore: computed(() => cursor.value !== null),
    extended: computed(() => pages.value > 1),
    load: () => fetchPage(null),
    more: async () => {
      if (cursor.value !== null && !loading.value) await fetchPage(cursor.value);
    },
    refresh: async () => {
      if (pages.value <= 1 && !loading.value) await fetchPage(null);
    },
  };
}
