// What is being edited, by account: going to another page loses nothing, signing out does.

import { reactive, watch } from 'vue';
import { copyOf, tidy, type RuleSet } from '../../logic/rules';
import { session } from '../../session';

export interface Draft {
  /** As the gateway had it when the editing began. */
  saved: RuleSet;
  now: RuleSet;
}

export const drafts = reactive(new Map<string, Draft>());
watch(session, (who) => who ?? drafts.clear());

/** Whether two sets say the same. */
export const same = (one: RuleSet, other: RuleSet) => JSON.stringify(tidy(one)) === JSON.stringify(tidy(other));

export function begin(account: string, saved: RuleSet): void {
  const rules = saved.rules ?? [];
  // Every rule has a condition here, so that forms have something to hold on to.
  const now = { ...saved, rules: rules.map((one) => ({ ...one, when: one.when ?? {} })) };
  drafts.set(account, { saved: copyOf(now), now: copyOf(now) });
}
