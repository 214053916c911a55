// What happens now: one stream for the whole console.

import { coalesce, openStream } from '@hongyan/kit';
import { onScopeDispose, ref } from 'vue';
import type { Schema } from './api/http';

/** How often a view is fetched anew at most. */
const PAUSE_MS = 2000;

export type Happenings = Schema['Happenings'];
/** What happened by account; `null` = some of it was missed, anything may have changed. */
export type Listener = (happened: Record<string, Happenings> | null) => void;

const listeners = new Set<Listener>();
let close: (() => void) | null = null;
let lostOnce = false;

/** Whether the stream stands. */
export const connected = ref(true);

const tell = (happened: Record<string, Happenings> | null) => listeners.forEach((one) => one(happened));

export function startLive(): void {
  close ??= openStream(
    () => '/v1/events',
    {
      happened: (data) => tell((data as Schema['Happened']).accounts),
      missed: () => tell(null),
    },
    {
      onOpen: () => {
        connected.value = true;
        if (lostOnce) tell(null);
        lostOnce = false;
      },
      onLost: () => {
        connected.value = false;
        lostOnce = true;
      },
    },
  );
}

export function stopLive(): void {
  close?.();
  close = null;
  connected.value = true;
}

/** Hears what happens for as long as the component lives. */
export function onHappened(listener: Listener): void {
  listeners.add(listener);
  onScopeDispose(() => listeners.delete(listener));
}

/**
 * Fetches a view anew when something happened that concerns it, every two seconds at
 * most, and not while the page is hidden.
 */
export function refetchOnChange(
  run: () => Promise<unknown>,
  concerns: (name: string, what: Happenings) => boolean = () => true,
): void {
  let stale = false;
  const again = coalesce(async () => {
    if (document.hidden) {
      stale = true;
      return;
    }
    await run().catch(() => undefined);
  }, PAUSE_MS);
  onHappened((happened) => {
    if (happened === null || Object.entries(happened).some(([name, what]) => concerns(name, what))) again();
  });
  const shown = () => {
    if (!document.hidden && stale) {
      stale = false;
      again();
    }
  };
  document.addEventListener('visibilitychange', shown);
  onScopeDispose(() => document.removeEventListener('visibilitychange', shown));
}
