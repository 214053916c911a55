// The lines of a template card.

export interface CardLine {
  /** What stands before the colon; empty for a line of text alone. */
  label: string;
  value: string;
}

const LABEL_LIMIT = 12;

/**
 * Splits a line such as `门店名称：朝阳店` the way WeChat draws it: the label dim,
 * the value behind it. A colon far into the line belongs to a sentence, and one
 * between digits to a time.
 */
export function cardLine(line: string): CardLine {
  const at = line.search(/：|:(?!\d|\/\/)/);
  if (at <= 0 || at > LABEL_LIMIT) return { label: '', value: line };
  return { label: line.slice(0, at).trim(), value: line.slice(at + 1).trim() };
}

/** All lines of a card; empty ones at either end are left out. */
export function cardLines(lines: readonly string[]): CardLine[] {
  const all = lines.flatMap((line) => line.split('\n'));
  while (all.length > 0 && all[0]?.trim() === '') all.shift();
  while (all.length > 0 && all.at(-1)?.trim() === '') all.pop();
  return all.map(cardLine);
}
