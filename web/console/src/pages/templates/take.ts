// A template taken from WeChat's library, from whichever form.

import { ref } from 'vue';
import { useRouter } from 'vue-router';
import { path, post, type Schema } from '../../api/http';
import { toast } from '../../toast';

export function useTaking(account: () => string, said: () => string) {
  const router = useRouter();
  const error = ref<unknown>(null);
  const busy = ref(false);
  async function take(wanted: Partial<Schema['NewTemplate']>) {
    busy.value = true;
    error.value = null;
    try {
      const added = await post<Schema['AddedTemplate']>(path`/v1/accounts/${account()}/templates`, wanted);
      toast(said());
      // WeChat's list may lag behind; then it has no page yet.
      await router.push(added.template ? path`/templates/${account()}/${added.template_id}` : '/templates');
    } catch (problem) {
      error.value = problem;
    } finally {
      busy.value = false;
    }
  }
  return { take, error, busy };
}
