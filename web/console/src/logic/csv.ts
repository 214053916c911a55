// Separated values (RFC 4180) as they come, with any one-character separator.

/** A cell longer than this has a quotation mark too few somewhere before it. */
const LONGEST_CELL = 32 * 1024;

export interface CsvRow {
  /** Where it begins, from 1 on. */
  line: number;
  cells: string[];
  /** A quotation mark was opened and never closed: what the cells say is no good. */
  broken?: true;
}

/** Reads text piece by piece; pieces may end anywhere. Empty lines are passed over. */
export class CsvReader {
  #line = 1;
  #began = 1;
  #cells: string[] = [];
  #cell = '';
  #state: 'start' | 'plain' | 'quoted' | 'quote' | 'lost' = 'start';
  #afterReturn = false;

  constructor(readonly separator: string) {}

  feed(text: string): CsvRow[] {
    if (this.#state === 'lost') return [];
    const rows: CsvRow[] = [];
    let from = 0;
    const keep = (to: number) => (this.#cell += text.slice(from, to));
    for (let at = 0; at < text.length; at += 1) {
      const char = text[at];
      const lineFeedOfReturn = char === '\n' && this.#afterReturn;
      this.#afterReturn = char === '\r';
      if (char === '\r' || (char === '\n' && !lineFeedOfReturn)) this.#line += 1;
      if (this.#state === 'quoted') {
        if (char === '"') {
          keep(at);
          this.#state = 'quote';
        } else if (this.#cell.length + at - from > LONGEST_CELL) {
          // Nothing that follows can be told apart any more.
          this.#state = 'lost';
          rows.push({ line: this.#began, cells: [], broken: true });
          return rows;
        }
        continue;
      }
      if (lineFeedOfReturn) continue;
      if (char === '"' && this.#state === 'quote') {
        // Two of them are one of the text.
        this.#cell += '"';
        this.#state = 'quoted';
        from = at + 1;
      } else if (char === '"' && this.#state === 'start') {
        this.#state = 'quoted';
        from = at + 1;
      } else if (char === this.separator) {
        if (this.#state === 'plain') keep(at);
        this.#endCell();
      } else if (char === '\r' || char === '\n') {
        if (this.#state === 'plain') keep(at);
        this.#endRow(rows);
      } else if (this.#state === 'start' || this.#state === 'quote') {
        this.#state = 'plain';
        from = at;
      }
    }
    if (this.#state === 'plain' || this.#state === 'quoted') keep(text.length);
    return rows;
  }

  /** The row that no line's end follows. */
  end(): CsvRow[] {
    const rows: CsvRow[] = [];
    if (this.#state === 'quoted') rows.push({ line: this.#began, cells: [], broken: true });
    else if (this.#state !== 'lost') this.#endRow(rows);
    return rows;
  }

  #endCell() {
    this.#cells.push(this.#cell);
    this.#cell = '';
    this.#state = 'start';
  }

  #endRow(rows: CsvRow[]) {
    const isEmpty = this.#cells.length === 0 && this.#cell === '' && this.#state === 'start';
    this.#endCell();
    if (!isEmpty) rows.push({ line: this.#began, cells: this.#cells });
    this.#begin();
  }

  #begin() {
    this.#cells = [];
    this.#cell = '';
    this.#state = 'start';
    this.#began = this.#line;
  }
}

/** What separates the cells of a text's first line: a comma, unless it has more of another. */
export function separatorOf(text: string): string {
  const counts = new Map([',', ';', '\t'].map((one) => [one, 0]));
  let quoted = false;
  for (const char of text.trimStart()) {
    if (char === '"') quoted = !quoted;
    else if (!quoted && (char === '\n' || char === '\r')) break;
    else if (!quoted && counts.has(char)) counts.set(char, (counts.get(char) ?? 0) + 1);
  }
  return [...counts].reduce((most, one) => (one[1] > most[1] ? one : most))[0];
}
