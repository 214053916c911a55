import { afterEach, describe, expect, it, vi } from 'vitest';
import { effectScope } from 'vue';
import { ApiError, get, onSignedOut, path, post, queryString } from '../src/api/http';
import { usePagedList } from '../src/list';
import { isLocal, newSecrets } from '../src/logic/callback';

const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(body === null ? null : JSON.stringify(body), { status, headers });
const fetched = (...answers: Response[]) => {
  const mock = vi.fn<typeof fetch>();
  for (const one of answers) mock.mockResolvedValueOnce(one);
  vi.stubGlobal('fetch', mock);
  return mock;
};
afterEach(() => vi.unstubAllGlobals());

it('puts parts into addresses safely, and leaves empty filters out', () => {
  expect(path`/v1/accounts/${'a/b'}/tags/${3}`).toBe('/v1/accounts/a%2Fb/tags/3');
  expect(queryString({ q: '额度 &', limit: 5, status: '', cursor: null })).toBe('?q=%E9%A2%9D%E5%BA%A6+%26&limit=5');
});

describe('calls', () => {
  it('prove that they come from the console where they change something', async () => {
    const mock = fetched(answer(200, {}), answer(201, {}));
    await get('/v1/a');
    await post('/v1/a', { b: 1 });
    const sent = mock.mock.calls.map(([, init]) => init?.headers as Record<string, string>);
    expect(sent.map((headers) => headers['X-Hongyan-Console'])).toEqual([undefined, '1']);
    expect(mock.mock.calls[1]?.[1]?.body).toBe('{"b":1}');
  });

  it('fail with the problem, its violations and when to try again', async () => {
    const violations = [{ pointer: '/a', rule: 'r', message: 'm', message_zh: '中' }];
    fetched(answer(429, { code: 'slow', detail: 'too fast', detail_zh: '太快', violations }, { 'Retry-After': '7' }));
    const error = await get('/v1/a').catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 429, code: 'slow', message: 'too fast', violations, retryAfter: 7 });
    expect([(error as ApiError).sentence('zh'), (error as ApiError).sentence('en')]).toEqual(['太快', 'too fast']);
  });

  it('tell no answer, and an answer of somebody else, apart', async () => {
    vi.stubGlobal('fetch', vi.fn().mockRejectedValue(new TypeError('failed')));
    await expect(get('/v1/a')).rejects.toMatchObject({ status: 0, code: 'unreachable' });
    vi.stubGlobal('fetch', vi.fn().mockResolvedValue(new Response('<html>', { status: 502 })));
    await expect(get('/v1/a')).rejects.toMatchObject({ status: 502, code: 'unreadable' });
  });

  it('end the session where it is over, but not where one signs in', async () => {
    const ended = vi.fn();
    onSignedOut(ended);
    fetched(answer(401, {}), answer(401, {}));
    await post('/v1/console/session', {}).catch(() => undefined);
    expect(ended).not.toHaveBeenCalled();
    await get('/v1/accounts').catch(() => undefined);
    expect(ended).toHaveBeenCalledOnce();
  });
});

describe('lists', () => {
  it('go on by the cursor and stop at the end', async () => {
    const mock = fetched(answer(200, { items: [1, 2], next_cursor: 'c1' }), answer(200, { items: [3], next_cursor: null }));
    const list = effectScope().run(() => usePagedList<number>(() => '/v1/x'));
    await list?.load();
    expect(list?.hasMore.value).toBe(true);
    await list?.more();
    expect(list?.items.value).toEqual([1, 2, 3]);
    expect(list?.hasMore.value).toBe(false);
    expect(mock.mock.calls[1]?.[0]).toContain('cursor=c1');
    await list?.refresh();
    expect(mock).toHaveBeenCalledTimes(2);
  });

  it('take the newest question’s answer, whichever comes last', async () => {
    let first: (response: Response) => void = () => undefined;
    const mock = vi.fn<typeof fetch>();
    mock.mockImplementationOnce(() => new Promise((resolve) => (first = resolve)));
    mock.mockResolvedValueOnce(answer(200, { items: ['new'] }));
    vi.stubGlobal('fetch', mock);
    const list = usePagedList<string>(() => '/v1/x');
    const slow = list.load();
    await list.load();
    first(answer(200, { items: ['old'] }));
    await slow;
    expect(list.items.value).toEqual(['new']);
  });
});

it('makes secrets as WeChat wants them, and knows addresses it cannot reach', () => {
  const { token, encoding_aes_key } = newSecrets();
  expect(token).toMatch(/^[A-Za-z0-9]{3,32}$/);
  expect(encoding_aes_key).toMatch(/^[A-Za-z0-9]{43}$/);
  expect(newSecrets().token).not.toBe(token);
  const local = ['http://127.0.0.1:86/', 'http://[::1]/', 'http://192.168.1.2/', 'https://push.example.com/', 'http://172.40.0.1/'];
  expect(local.map(isLocal)).toEqual([true, true, true, false, false]);
});
