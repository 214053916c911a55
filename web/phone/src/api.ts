// The control API of the sandbox.

const BASE = '/sandbox/v1';

/** A refusal (RFC 9457), or no answer at all: then the status is 0. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    /** Stable word for the kind of refusal. */
    readonly code: string,
    readonly detail: string,
  ) {
    super(detail);
  }
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw new Problem(0, 'unreachable', error instanceof Error ? error.message : String(error));
  }
  const text = await response.text();
  let answer: unknown = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw new Problem(response.status, 'unreadable', text.slice(0, 200));
  }
  if (!response.ok) {
    const said = (answer ?? {}) as { code?: string; detail?: string; title?: string };
    const detail = said.detail ?? said.title ?? response.statusText;
    throw new Problem(response.status, said.code ?? `status_${response.status}`, detail);
  }
  return answer as T;
}

export const get = <T>(path: string) => call<T>('GET', path);
export const post = <T>(path: string, body: unknown) => call<T>('POST', path, body);
export const put = <T>(path: string, body: unknown) => call<T>('PUT', path, body);
export const patch = <T>(path: string, body: unknown) => call<T>('PATCH', path, body);
export const remove = <T>(path: string) => call<T>('DELETE', path);

/** A part of a path. */
export const enc = encodeURIComponent;
export const EVENTS = `${BASE}/events`;
