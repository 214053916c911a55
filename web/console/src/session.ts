// Who is signed in, what they may do, and which accounts there are.

import { read, write } from '@hongyan/kit';
import { computed, ref } from 'vue';
import { ApiError, get, getAll, onSignedOut, remove, type Schema } from './api/http';

export type Scope = Schema['Scope'];
export type Account = Schema['Account'];

const KEY = 'hongyan.console.account';

export const session = ref<Schema['ConsoleSession'] | null>(null);
export const accounts = ref<Account[]>([]);
export const accountsKnown = ref(false);
const chosen = ref(read(KEY) ?? '');

/** The account whose pages are shown; `null` = all of them. */
export const account = computed<Account | null>(() => accounts.value.find((one) => one.name === chosen.value) ?? null);

export function chooseAccount(name: string): void {
  chosen.value = name;
  write(KEY, name);
}

/** Whether the person may do what asks for a scope: admins may send, senders may read. */
export function can(scope: Scope): boolean {
  const held = session.value?.scopes ?? [];
  const ladder: Scope[] = ['read', 'send', 'admin'];
  return held.includes(scope) || held.some((one) => ladder.indexOf(one) > ladder.indexOf(scope) && ladder.includes(scope));
}

export const role = computed(() => (can('admin') ? 'admin' : can('send') ? 'operator' : 'viewer'));

/** Asks who is signed in. `null` = nobody. */
export async function loadSession(): Promise<Schema['ConsoleSession'] | null> {
  try {
    session.value = await get<Schema['ConsoleSession']>('/v1/console/session');
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    session.value = null;
  }
  return session.value;
}

/** Accounts are few: all of them are held. */
export async function loadAccounts(): Promise<void> {
  const all = await getAll<Account>('/v1/accounts');
  accounts.value = all;
  accountsKnown.value = true;
  if (!all.some((one) => one.name === chosen.value)) chosen.value = all.length === 1 ? (all[0]?.name ?? '') : '';
}

function forget(): void {
  session.value = null;
  accounts.value = [];
  accountsKnown.value = false;
}

export async function signOut(): Promise<void> {
  await remove('/v1/console/session');
  forget();
}

onSignedOut(forget);
