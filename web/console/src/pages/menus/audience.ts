// Who sees a menu, in words; WeChat's tags have names only WeChat knows.

import { ref } from 'vue';
import { get, path, type Page, type Schema } from '../../api/http';
import type { MatchRule } from '../../logic/menu';
import { useWords } from '../../words';
import { words } from './words';

export const PLATFORMS = [1, 2, 3] as const;

export function useAudience(account: string) {
  const w = useWords(words);
  const tags = ref<Schema['Tag'][]>([]);
  let asked: Promise<void> | null = null;

  /** Asks WeChat for the tags' names, once; without them the numbers do. */
  function loadTags(): Promise<void> {
    asked ??= get<Page<Schema['Tag']>>(path`/v1/accounts/${account}/tags`)
      .then((page) => void (tags.value = page.items))
      .catch(() => void (asked = null));
    return asked;
  }
  const platform = (number: number) => {
    const known = PLATFORMS.find((one) => one === number);
    return known ? w(`platform_${known}`) : String(number);
  };
  function label(rule: MatchRule | null | undefined): string {
    if (!rule) return w('everybody');
    const parts: string[] = [];
    if (typeof rule.tag_id === 'number') {
      const name = tags.value.find((one) => one.id === rule.tag_id)?.name;
      parts.push(name ?? w('tag_number', { id: rule.tag_id }));
    }
    if (typeof rule.client_platform_type === 'number') parts.push(platform(rule.client_platform_type));
    return parts.join(' · ') || w('nobody_yet');
  }
  return { tags, loadTags, label, platform };
}
export type Audience = ReturnType<typeof useAudience>;
