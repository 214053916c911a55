// A rule in one line: when, and what is answered.

import { answerName, kindName } from '../../kinds';
import { matchOf, triggerOf, type Answer, type Hours, type When } from '../../logic/rules';
import { useWords } from '../../words';
import { words } from './words';

export function useDescriptions() {
  const w = useWords(words);
  const quoted = (lines: string) => lines.split('\n').map((one) => w('quoted', { text: one })).join(w('or'));

  function trigger(when: When): string {
    const kind = triggerOf(when);
    const key = when.key ? w('with_key', { key: when.key }) : '';
    if (kind === 'text' && when.text) {
      const { how, lines } = matchOf(when.text);
      return w(`says_${how}`, { texts: how === 'regex' ? lines : quoted(lines) });
    }
    if (kind === 'message') return w('sends', { what: kindName(when.msg_type ?? '') });
    if (kind === 'event') return w('does', { event: kindName(`event:${when.event ?? ''}`) }) + key;
    if (kind === 'other') return JSON.stringify({ ...when, between: undefined });
    return w(`when_${kind}`) + key;
  }
  function hours(between: Hours): string {
    const days = between.days?.length ? ` (${between.days.map((day) => w(`day_${day}` as 'day_mon')).join(w('day_and'))})` : '';
    return w('at_hours', { from: between.from, until: between.until }) + days;
  }
  return {
    whenWords: (when: When) => trigger(when) + (when.between ? w('comma') + hours(when.between) : ''),
    answerWords(answer: Answer): string {
      if (answer.type === 'text') return answer.content;
      if (answer.type === 'news') return answer.articles.map((one) => one.title).join(w('or'));
      return 'title' in answer && answer.title ? answer.title : answerName(answer.type);
    },
  };
}
