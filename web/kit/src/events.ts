// One stream of server-sent events for a whole page, and restraint in what it
// leads to.

export interface StreamState {
  /** The stream stands. */
  onOpen: () => void;
  /** It broke; the browser connects again on its own, or we do. */
  onLost: () => void;
}

export type Handlers = Record<string, (data: unknown) => void>;

/** Pause before a stream that the browser gave up is opened anew. */
const AGAIN_MS = 3000;

/**
 * Opens a stream and keeps it open. `url` is asked for each time, with the id of
 * the last event seen or `null`. The answer ends it.
 */
export function openStream(
  url: (last: string | null) => string,
  handlers: Handlers,
  state: StreamState,
): () => void {
  let last: string | null = null;
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  const open = () => {
    const one = new EventSource(url(last));
    source = one;
    one.onopen = state.onOpen;
    one.onerror = () => {
      state.onLost();
      // Of an answer that is no stream browsers do not try again.
      if (one.readyState === EventSource.CLOSED && !ended) timer = setTimeout(open, AGAIN_MS);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      one.addEventListener(name, (event: MessageEvent<string>) => {
        if (event.lastEventId) last = event.lastEventId;
        handle(JSON.parse(event.data) as unknown);
      });
    }
  };
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    source?.close();
  };
}

/**
 * Makes a flood of calls few: the first runs at once, those during the pause after
 * it become one at its end, and none starts while another runs.
 */
export function coalesce(run: () => Promise<void>, pauseMs: number): () => void {
  let busy = false;
  let again = false;
  const start = async () => {
    busy = true;
    again = false;
    try {
      await run();
    } finally {
      setTimeout(() => {
        busy = false;
        if (again) void start();
      }, pauseMs);
    }
  };
  return () => {
    if (busy) again = true;
    else void start();
  };
}
