// The public API, and nothing else: same origin, the session in a cookie.

import type { components } from './schema';

/** What the API takes and answers, by name. */
export type Schema = components['schemas'];
export type Violation = Schema['Violation'];

/** One page of a list. */
export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** A refusal (RFC 9457), or no answer at all: then the status is 0. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** The stable name of the problem; `unreachable` and `unreadable` are ours. */
    readonly code: string,
    readonly problem: Partial<Schema['Problem']>,
    /** Seconds until it makes sense to ask again, where the answer says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(problem.detail ?? problem.title ?? code);
  }

  /** What is wrong and what to do, in one of both languages. */
  sentence(lang: 'zh' | 'en'): string {
    return (lang === 'zh' && this.problem.detail_zh) || this.message;
  }

  get violations(): Violation[] {
    return this.problem.violations ?? [];
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

interface Options {
  query?: Query;
  /** An object goes as JSON; a file or a form as it is. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

let signedOut: () => void = () => undefined;

/** Told when an answer says that the session is over. */
export function onSignedOut(then: () => void): void {
  signedOut = then;
}

/** A path with its parts put in safely: path`/v1/accounts/${name}`. */
export function path(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return parts.reduce((all, part, at) => all + encodeURIComponent(values[at - 1] ?? '') + part);
}

export function queryString(query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

export async function call<T>(method: string, url: string, options: Options = {}): Promise<T> {
  const { body, query, signal } = options;
  const raw = body === undefined || body instanceof Blob || body instanceof FormData;
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  // Proves to the gateway that no other site's form sent this.
  if (method !== 'GET') headers['X-Hongyan-Console'] = '1';
  if (!raw) headers['Content-Type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(url + queryString(query), {
      method,
      headers,
      credentials: 'same-origin',
      ...(body === undefined ? {} : { body: raw ? (body as BodyInit) : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'unreachable', {});
  }
  const text = await response.text();
  let answer: unknown = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw new ApiError(response.status, 'unreadable', {});
  }
  if (!response.ok) {
    const problem = (answer ?? {}) as Partial<Schema['Problem']>;
    if (response.status === 401 && !url.startsWith('/v1/console/s')) signedOut();
    const after = Number(response.headers.get('Retry-After'));
    throw new ApiError(response.status, problem.code ?? `status_${response.status}`, problem, after || null);
  }
  return answer as T;
}

export const get = <T>(url: string, query?: Query, signal?: AbortSignal) =>
  call<T>('GET', url, { ...(query ? { query } : {}), ...(signal ? { signal } : {}) });
/** All of a list, for those that are short by their nature. */
export async function getAll<T>(url: string, query: Query = {}): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | null | undefined;
  do {
    const page: Page<T> = await get<Page<T>>(url, { limit: 200, ...query, cursor });
    all.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return all;
}
export const post = <T>(url: string, body?: unknown, query?: Query) =>
  call<T>('POST', url, { body, ...(query ? { query } : {}) });
export const put = <T>(url: string, body: unknown, query?: Query) => call<T>('PUT', url, { body, ...(query ? { query } : {}) });
export const patch = <T>(url: string, body: unknown) => call<T>('PATCH', url, { body });
export const remove = <T = null>(url: string, query?: Query) => call<T>('DELETE', url, query ? { query } : {});
