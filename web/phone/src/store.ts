// The state of the page: what the sandbox says, kept fresh by one stream.

import { coalesce, openStream, read, write } from '@hongyan/kit';
import { computed, reactive, shallowRef, watch } from 'vue';
import { EVENTS, Problem, enc, get, post } from './api';
import { chats, unreadTotal, type ReadMarks } from './logic/chats';
import { merge } from './logic/calls';
import type {
  Account,
  Call,
  Change,
  Clock,
  Fault,
  Menu,
  Outcome,
  Page,
  Phone,
  Quota,
  Stats,
} from './types';

/** Calls kept in the inspector. */
const CALLS = 300;
/** Pause between two readings of the same thing. */
const PAUSE_MS = 250;
const SLOW_PAUSE_MS = 1000;
const MARKS = 'hongyan.phone.read';
const PERSON = 'hongyan.phone.person';

export const state = reactive({
  loaded: false,
  /** The stream stands. */
  live: false,
  accounts: [] as Account[],
  people: [] as Phone[],
  peopleTotal: 0,
  stats: null as Stats | null,
  faults: [] as Fault[],
  /** Quotas by appid, of those accounts somebody looked at. */
  quotas: {} as Record<string, Quota[]>,
  /** Menus by person and account, of those chats somebody looked at. */
  menus: {} as Record<string, Menu>,
  personId: read(PERSON) ?? '',
  marks: readMarks(),
});
/** Newest first. */
export const calls = shallowRef<Call[]>([]);
/** While paused, what comes waits here. */
export const held = shallowRef<Call[] | null>(null);

/** Counts changes of QR codes, so that lists of them are read again. */
export const codesTurn = shallowRef(0);

export const person = computed(
  () => state.people.find((one) => one.person_id === state.personId) ?? state.people[0],
);
export const account = (appid: string) => state.accounts.find((one) => one.appid === appid);

/** Sandbox time minus real time, by the last answer that told it. */
const offset = shallowRef(0);
export const sandboxNow = () => Date.now() + offset.value;

function setClock(clock: Clock): void {
  if (state.stats) state.stats.clock = clock;
  offset.value = clock.now_ms - Date.now();
}

function readMarks(): Record<string, ReadMarks> {
  try {
    return (JSON.parse(read(MARKS) ?? '{}') ?? {}) as Record<string, ReadMarks>;
  } catch {
    return {};
  }
}

export const chatsOf = (one: Phone) => chats(one.inbox, one, state.marks[one.person_id] ?? {});
export const unreadOf = (one: Phone) => unreadTotal(chatsOf(one));

/** Everything in a chat up to an instant was seen. */
export function markRead(personId: string, chat: string, at: number): void {
  const marks = (state.marks[personId] ??= {});
  if ((marks[chat] ?? 0) >= at) return;
  marks[chat] = at;
  write(MARKS, JSON.stringify(state.marks));
}

watch(
  () => person.value?.person_id,
  (id) => {
    if (!id) return;
    write(PERSON, id);
    // Pages of the sandbox that the person walks through ask for it.
    document.cookie = `sandbox_person=${enc(id)}; Path=/; SameSite=Lax`;
  },
);

/** Sets the person for pages that open now: another window may have changed it. */
export function beThisPerson(): void {
  if (person.value) document.cookie = `sandbox_person=${enc(person.value.person_id)}; Path=/; SameSite=Lax`;
}

// --- complaints ------------------------------------------------------------

export interface Notice {
  id: number;
  kind: 'problem' | 'done';
  text: string;
  code?: string;
  detail?: string;
}
export const notices = reactive<Notice[]>([]);
let noticeId = 0;

export function notify(notice: Omit<Notice, 'id'>, ms = notice.kind === 'done' ? 3000 : 9000): void {
  const id = ++noticeId;
  // The same complaint again moves to the end and is not doubled.
  const same = notices.findIndex((one) => one.text === notice.text && one.detail === notice.detail);
  if (same >= 0) notices.splice(same, 1);
  notices.push({ id, ...notice });
  if (notices.length > 3) notices.shift();
  setTimeout(() => dismiss(id), ms);
}

export function dismiss(id: number): void {
  const at = notices.findIndex((one) => one.id === id);
  if (at >= 0) notices.splice(at, 1);
}

/** Runs what a person asked for and shows why it did not work. */
export async function attempt<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Problem) {
      notify({ kind: 'problem', text: '', code: error.code, detail: error.detail });
    } else {
      notify({ kind: 'problem', text: String(error) });
    }
    return undefined;
  }
}

// --- reading ---------------------------------------------------------------

export async function load(): Promise<void> {
  const page = await get<Page>('/page');
  state.accounts = page.accounts;
  state.people = page.people;
  state.peopleTotal = page.people_total;
  state.stats = page.stats;
  setClock(page.stats.clock);
  state.menus = {};
  state.loaded = true;
  lastId = page.last_event_id;
}

let lastId = '';

async function loadCalls(): Promise<void> {
  const { items } = await get<{ items: Call[] }>('/requests?limit=100');
  calls.value = merge(calls.value, items, CALLS);
}

async function loadPhone(id: string): Promise<void> {
  const phone = await get<Phone>(`/page/${enc(id)}`);
  const at = state.people.findIndex((one) => one.person_id === id);
  if (at >= 0) state.people[at] = phone;
  else {
    state.people.push(phone);
    state.peopleTotal = Math.max(state.peopleTotal, state.people.length);
  }
}

/** Somebody who is not among those listed: by their id, or by an openid. */
export async function loadPerson(id: string): Promise<void> {
  await loadPhone(id);
  state.personId = id;
}

export async function loadAccounts(): Promise<void> {
  state.accounts = (await get<{ items: Account[] }>('/accounts')).items;
  state.menus = {};
}

export async function loadFaults(): Promise<void> {
  state.faults = (await get<{ items: Fault[] }>('/faults')).items;
}

export async function loadQuotas(appid: string): Promise<void> {
  state.quotas[appid] = (await get<{ items: Quota[] }>(`/accounts/${enc(appid)}/quota`)).items;
}

export const menuKey = (personId: string, appid: string) => `${personId} ${appid}`;

/** The menu a person sees; none where the account has none. */
export async function loadMenu(personId: string, appid: string): Promise<void> {
  try {
    const menu = await get<Menu>(`/people/${enc(personId)}/menu?appid=${enc(appid)}`);
    state.menus[menuKey(personId, appid)] = menu;
  } catch {
    state.menus[menuKey(personId, appid)] = { source: 'none', button: null };
  }
}

// What is read again and again is read with pauses.
const phones = new Map<string, () => void>();
export function refreshPhone(id: string): void {
  let run = phones.get(id);
  if (!run) {
    run = coalesce(() => quietly(() => loadPhone(id)), PAUSE_MS);
    phones.set(id, run);
  }
  run();
}
/** Phones nobody looks at are read one after the other. */
const waiting = new Set<string>();
const refreshWaiting = coalesce(async () => {
  const [id] = waiting;
  if (id === undefined) return;
  waiting.delete(id);
  await quietly(() => loadPhone(id));
  if (waiting.size > 0) setTimeout(refreshWaiting);
}, PAUSE_MS);
const refreshAccounts = coalesce(() => quietly(loadAccounts), PAUSE_MS);
const refreshFaults = coalesce(() => quietly(loadFaults), SLOW_PAUSE_MS);
const refreshClock = coalesce(
  () => quietly(async () => setClock(await get<Clock>('/clock'))),
  PAUSE_MS,
);
const refreshStats = coalesce(
  () => quietly(async () => void (state.stats = await get<Stats>('/stats'))),
  SLOW_PAUSE_MS,
);
const refreshAll = coalesce(
  () =>
    quietly(async () => {
      await load();
      await loadCalls();
      await loadFaults();
    }),
  SLOW_PAUSE_MS,
);
const quotasWanted = new Set<string>();
const refreshQuotas = coalesce(
  () => quietly(async () => void (await Promise.all([...quotasWanted].map(loadQuotas)))),
  SLOW_PAUSE_MS,
);

/** Keeps the quotas of an account fresh until the answer is called. */
export function watchQuotas(appid: string): () => void {
  quotasWanted.add(appid);
  refreshQuotas();
  return () => void quotasWanted.delete(appid);
}

/** For what runs on its own: the stream tells when the sandbox is away. */
async function quietly(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch {
    // Nobody asked; the next event tries again.
  }
}

function touched(change: { person_id?: string | null; openid?: string; appid?: string }): void {
  const found = state.people.find(
    (one) =>
      one.person_id === change.person_id ||
      (change.appid !== undefined && one.openids[change.appid] === change.openid),
  );
  const id = found?.person_id ?? change.person_id;
  if (!id) return;
  if (id === person.value?.person_id) refreshPhone(id);
  else {
    waiting.add(id);
    refreshWaiting();
  }
}

const gathered: Call[] = [];
let gathering = false;
function gather(call: Call): void {
  gathered.push(call);
  if (gathering) return;
  gathering = true;
  requestAnimationFrame(() => {
    gathering = false;
    const news = gathered.splice(0);
    if (held.value) held.value = merge(held.value, news, CALLS);
    else calls.value = merge(calls.value, news, CALLS);
    if (news.some((one) => one.struck)) refreshFaults();
    if (quotasWanted.size > 0) refreshQuotas();
  });
}

export function pause(on: boolean): void {
  if (!on && held.value) calls.value = merge(calls.value, held.value, CALLS);
  held.value = on ? [] : null;
}

export function clearCalls(): void {
  calls.value = [];
  if (held.value) held.value = [];
}

/** Reads everything, then stays with the stream. */
export async function start(): Promise<void> {
  try {
    await load();
  } catch {
    setTimeout(() => void start(), 2000);
    return;
  }
  openStream(
    (last) => {
      const id = last ?? lastId;
      return `${EVENTS}?last_event_id=${enc(id)}`;
    },
    {
      message: (data) => {
        const message = data as { appid: string; openid: string; person_id: string | null };
        refreshStats();
        touched(message);
      },
      call: (data) => gather(data as Call),
      callback: (data) => gather(data as Call),
      state: (data) => {
        const change = data as Change;
        switch (change.topic) {
          case 'clock':
            return refreshClock();
          case 'faults':
            return refreshFaults();
          case 'account':
            return refreshAccounts();
          case 'menu':
            state.menus = {};
            return undefined;
          case 'codes':
            codesTurn.value += 1;
            return undefined;
          case 'quota':
            return refreshQuotas();
          default:
            return touched(change);
        }
      },
      overrun: refreshAll,
    },
    {
      onOpen: () => (state.live = true),
      onLost: () => (state.live = false),
    },
  );
  void quietly(loadCalls);
  void quietly(loadFaults);
}

// --- what a person does ----------------------------------------------------

/** Lets the person do something; `undefined` where it was refused. */
export async function act(
  personId: string,
  appid: string,
  action: string,
  more: Record<string, unknown> = {},
): Promise<Outcome | undefined> {
  const outcome = await attempt(() =>
    post<Outcome>(`/people/${enc(personId)}/actions`, { action, appid, ...more }),
  );
  refreshPhone(personId);
  if (outcome?.callback?.error) {
    notify({ kind: 'problem', text: '', code: 'server_failed', detail: outcome.callback.error });
  }
  return outcome;
}
