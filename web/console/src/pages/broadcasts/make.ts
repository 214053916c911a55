// Making a broadcast: the broadcast itself, then its people piece by piece.

import { call, path, post } from '../../api/http';
import type { Broadcast, NewBroadcast } from '../../logic/broadcast';
import { partsOf, type Mapping, type Shape } from '../../logic/people';

export type MakeStep = { step: 'make' } | { step: 'upload'; sent: number } | { step: 'complete' };

export interface PeopleFile {
  file: Blob;
  shape: Shape;
  mapping: Mapping;
}

/**
 * Makes a broadcast with the people of a file, where it has one. What breaks off in
 * between is canceled, so that nobody is told by half of it.
 */
export async function makeBroadcast(
  wanted: NewBroadcast,
  people: PeopleFile | null,
  idempotencyKey: string,
  onStep: (step: MakeStep) => void,
  signal: AbortSignal,
): Promise<Broadcast> {
  onStep({ step: 'make' });
  const made = await call<Broadcast>('POST', '/v1/broadcasts', { body: wanted, headers: { 'Idempotency-Key': idempotencyKey }, signal });
  if (!people) return made;
  const to = (verb: string) => path`/v1/broadcasts/${made.id}/` + verb;
  try {
    let sent = 0;
    onStep({ step: 'upload', sent });
    for await (const part of partsOf(people.file, people.shape, people.mapping)) {
      await call('POST', to('recipients'), { body: part.body, signal });
      sent += part.people;
      onStep({ step: 'upload', sent });
    }
    onStep({ step: 'complete' });
    return await call<Broadcast>('POST', to('complete'), { signal });
  } catch (problem) {
    // It cannot be gone on with: pieces of a file that were taken in stay taken in.
    await post(to('cancel')).catch(() => undefined);
    throw problem;
  }
}
