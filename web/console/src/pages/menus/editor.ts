// The menu of an account while it is edited. What is not applied yet survives a look at
// another page or account; it ends with the session.

import { computed, ref, watch } from 'vue';
import { get, path, type Schema } from '../../api/http';
import { draftOf, menuOf, sameMenu, wrongOf, type Draft, type Menu } from '../../logic/menu';
import { session } from '../../session';

const kept = new Map<string, Draft>();
watch(session, (now) => now ?? kept.clear());

export function useEditor(account: string) {
  const live = ref<Schema['LiveMenu'] | null>(null);
  const draft = ref<Draft>(draftOf(null));
  const shown = ref(0);
  const selected = ref<number | null>(null);
  const error = ref<unknown>(null);
  /** A menu of WeChat's own console is shown as it is until somebody wants to replace it. */
  const takenOver = ref(false);

  const menu = computed(() => menuOf(draft.value));
  const changed = computed(() => live.value !== null && !sameMenu(menu.value, live.value.menu));
  const foreign = computed(() => live.value?.source === 'console' && !takenOver.value);
  const wrong = computed(() => (foreign.value ? [] : wrongOf(draft.value)));
  watch(
    draft,
    (now) => {
      if (changed.value) kept.set(account, now);
      else kept.delete(account);
    },
    { deep: true },
  );

  function show(wanted: Menu | null | undefined) {
    draft.value = draftOf(wanted);
    shown.value = 0;
    selected.value = null;
  }
  /** Asks WeChat what people see, and begins from that unless there are changes to go on with. */
  async function load() {
    error.value = null;
    try {
      live.value = await get<Schema['LiveMenu']>(path`/v1/accounts/${account}/menu`);
      const before = kept.get(account);
      takenOver.value = before !== undefined;
      if (before) draft.value = before;
      else show(live.value.menu);
    } catch (problem) {
      error.value = problem;
    }
  }
  /** What was just applied is what people see: WeChat need not be asked. */
  function adopt(version: Schema['MenuVersion']) {
    live.value = { source: version.menu ? 'api' : 'none', menu: version.menu ?? null, version: version.version };
    takenOver.value = false;
    show(version.menu);
  }
  return { live, draft, shown, selected, error, takenOver, menu, changed, foreign, wrong, show, load, adopt };
}
