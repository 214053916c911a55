// The templates of the accounts that a message names, fetched once each.

import { reactive, ref } from 'vue';
import { getAll, path, post, type Schema } from '../../api/http';
import type { Template } from '../../logic/send';

export function useTemplates() {
  const known = reactive(new Map<string, Template[]>());
  const busy = ref(false);
  const error = ref<unknown>(null);

  async function fetchAll(account: string): Promise<void> {
    known.set(account, await getAll<Template>(path`/v1/accounts/${account}/templates`));
  }
  async function run(what: () => Promise<void>): Promise<void> {
    busy.value = true;
    error.value = null;
    try {
      await what();
    } catch (problem) {
      error.value = problem;
    } finally {
      busy.value = false;
    }
  }

  return {
    /** By account; those not asked for yet are missing. */
    known,
    busy,
    error,
    load: (account: string) => run(() => (known.has(account) ? Promise.resolve() : fetchAll(account))),
    /** Has the account's templates listed at WeChat. */
    sync: (account: string) =>
      run(async () => {
        await post<Schema['SyncReport']>(path`/v1/accounts/${account}/templates/sync`);
        await fetchAll(account);
      }),
  };
}
