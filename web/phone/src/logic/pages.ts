// The pages that people open: which may stand in the phone, and the way back through them.

/**
 * Whether a page is known to refuse to be framed. Hongyan's gateway, known by its
 * callback address, lets the sandbox frame the pages it has for people and nothing else.
 */
export function refusesFrames(url: string, callbacks: readonly string[]): boolean {
  if (!URL.canParse(url)) return false;
  const page = new URL(url);
  return callbacks.some((one) => {
    const [gateway, account] = one.split('/callback/');
    if (gateway === undefined || account === undefined || !URL.canParse(gateway)) return false;
    const { origin, pathname } = new URL(`${gateway}/`);
    return page.origin === origin && page.pathname.startsWith(pathname) && !page.pathname.startsWith(`${pathname}h5/`);
  });
}

/**
 * How many steps back a frame has. Frames share the history of the window, so a step
 * too many would leave the phone: where it is unclear, there are rather too few.
 */
export class Trail {
  #steps = 0;
  #length: number;

  /** `length` is the window's `history.length` before the frame opened. */
  constructor(length: number) {
    this.#length = length;
  }

  /** Counts what was added to the window's history. */
  grew(length: number): void {
    this.#steps += Math.max(0, length - this.#length);
    this.#length = length;
  }

  /** Takes a step back, if there is one. */
  back(length: number): boolean {
    this.grew(length);
    if (this.#steps === 0) return false;
    this.#steps -= 1;
    return true;
  }
}

/** What a page in the phone's browser tells it by the sandbox's JS-SDK. */
export type PageWord = { title: string } | { close: true };

export function pageWord(data: unknown): PageWord | null {
  const said = (data as { jweixin?: Record<string, unknown> } | null)?.jweixin;
  if (typeof said?.title === 'string') return { title: said.title };
  return said?.close === true ? { close: true } : null;
}
