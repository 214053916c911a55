// What people call the kinds of callbacks and answers; those without a name go by WeChat's.

import { lang } from '../../words';
import { NAMES } from './words';

export function useNames() {
  const name = (key: string, otherwise: string) => NAMES[key.toLowerCase()]?.[lang.value] ?? otherwise;
  return {
    kindName: (kind: string) => name(kind, kind.replace(/^event:/, '')),
    answerName: (type: string) => name(type, type),
  };
}
