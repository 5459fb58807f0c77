/** Which keys a home needs, and which of them its file of keys lacks: seen without a passphrase. */
import { join } from 'node:path';
import { readSmallText } from '@auths/git-store/files';
import type { IdentityPart } from './view-cache.ts';

const MAX_KEYS = 4 << 20;

/** By the role of the home, as aliases of the key store. */
export const NEEDED_KEYS: Readonly<Record<IdentityPart['role'], readonly string[]>> = {
  controller: ['device', 'channel', 'identity'],
  device: ['device'],
};

/** Whether keys.enc is gone, no file of keys, or without one that the home needs. Of a newer version: no, that says who opens it. */
export function lacksKeys(home: string, role: IdentityPart['role']): boolean {
  const file = parsed(readSmallText(join(home, 'keys.enc'), MAX_KEYS) ?? '');
  if (typeof file?.v === 'number' && file.v !== 1) return false;
  const entries: readonly unknown[] = Array.isArray(file?.entries) ? file.entries : [];
  const held = new Set(entries.map((entry) => (entry as { readonly alias?: unknown } | null)?.alias));
  return NEEDED_KEYS[role].some((alias) => !held.has(alias));
}

function parsed(text: string): { readonly v?: unknown; readonly entries?: unknown } | null {
  try {
    return JSON.parse(text) as { readonly v?: unknown; readonly entries?: unknown } | null;
  } catch {
    return null;
  }
}
