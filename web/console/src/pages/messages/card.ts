// A message's card as the phone shows it: its values by the labels of its template.

import { computed, ref, watch } from 'vue';
import { ApiError, get, path, type Schema } from '../../api/http';
import type { Message } from '../../logic/message';

export function useCard(message: () => Message | null) {
  const template = ref<Schema['Template'] | null>(null);
  watch(
    () => message()?.template_id,
    async () => {
      const of = message();
      if (!of?.template_id || of.kind === 'one_time' || template.value?.template_id === of.template_id) return;
      try {
        template.value = await get<Schema['Template']>(path`/v1/accounts/${of.account}/templates/${of.template_id}`);
      } catch (problem) {
        // It may be gone by now; the values are shown without it.
        if (!(problem instanceof ApiError)) throw problem;
      }
    },
    { immediate: true },
  );
  return {
    title: computed(() => message()?.title ?? template.value?.title ?? ''),
    lines: computed(() => {
      const data = message()?.data ?? {};
      const fields = template.value?.fields ?? Object.keys(data).map((key) => ({ key, label: key }));
      return fields.filter((field) => data[field.key]).map((field) => `${field.label}：${data[field.key]?.value ?? ''}`);
    }),
  };
}
