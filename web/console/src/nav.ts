// Every page says by `pages/<name>/entry.ts` where it stands.

import type { RouteComponent, RouteRecordRaw } from 'vue-router';
import type { IconName } from './parts/icons';
import type { Scope } from './session';

export interface PageEntry {
  /** First part of its address. */
  path: string;
  name: string;
  label: { en: string; zh: string };
  icon: IconName;
  group: 'top' | 'messages' | 'people' | 'system';
  /** Its place in the group, ascending. */
  order: number;
  /** Who may see it; `read` when left out. */
  scope?: Scope;
  /** Only for accounts of this kind. */
  accountKind?: 'official_account' | 'mini_program';
  component: () => Promise<RouteComponent | { default: RouteComponent }>;
  /** Further pages below its address, such as one of its things: path relative to the root. */
  more?: RouteRecordRaw[];
}

const found = import.meta.glob<{ default: PageEntry }>('./pages/*/entry.ts', { eager: true });

export const pages: readonly PageEntry[] = Object.values(found)
  .map((one) => one.default)
  .sort((a, b) => a.order - b.order);

export const GROUPS = ['top', 'messages', 'people', 'system'] as const;
