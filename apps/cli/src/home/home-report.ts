/** What `status`, `whoami` and a second `init` say about a home; reads little and starts at most one git. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DidKey } from '@auths/core/identifiers';
import { readSmallText } from '@auths/git-store/files';
import type { Context } from '../command.ts';
import { homeFiles } from '../composition.ts';
import { gitInForce, type GitChoice } from '../git-in-force.ts';
import { readDeviceKey } from './device-key.ts';
import { readIdentityView, type DeviceView, type IdentityView } from './identity-view.ts';
import { lacksKeys } from './own-keys.ts';
import { lostIdentity } from './lost-identity.ts';
import { readCheckedTip } from './view-cache.ts';

export type DeviceStatus = 'active' | 'revoked' | 'expired' | 'provisional';
export type RecoveryState = 'on-this-machine' | 'exported' | 'checked' | null;

export interface HomeReport {
  readonly identity: IdentityView | null;
  readonly deviceDid: DidKey | null;
  /** This device in the log; null when the log does not know it. */
  readonly device: DeviceView | null;
  readonly git: GitChoice;
  readonly keychain: 'os' | 'file' | 'memory' | null;
  /** Whether a key that a home of this role needs is not in it. */
  readonly lacksKeys: boolean;
  readonly recovery: RecoveryState;
  /** What this home has held and holds no more, the newest events or the whole identity; null where nothing is. */
  readonly lost: string | null;
}

export async function readHomeReport(context: Context): Promise<HomeReport> {
  const [git, identity] = await Promise.all([
    gitInForce(context.cwd, context.home),
    readIdentityView(context.home),
  ]);
  const deviceDid = readDeviceKey(context.home)?.did ?? null;
  const keychain = keychainOf(context);
  const isInFile = keychain === 'file' || keychain === null;
  return {
    identity,
    deviceDid,
    device: identity?.devices.find(({ did }) => did === deviceDid) ?? null,
    git,
    keychain,
    lacksKeys: identity !== null && isInFile && lacksKeys(context.home, identity.role),
    recovery: identity?.role === 'controller' ? recoveryState(context.home) : null,
    lost: await whatLacks(context.home, identity),
  };
}

async function whatLacks(dir: string, identity: IdentityView | null): Promise<string | null> {
  if (identity === null) return lostIdentity(dir)?.message ?? null;
  const tip = readCheckedTip(dir, identity.prefix);
  if (identity.lost === null && (tip?.sequence ?? 0) <= identity.sequence) return null;
  // Not in the small program. It looks again: another process may have appended meanwhile.
  const { whatIsLost } = await import('./lost-events.ts');
  return whatIsLost(dir, identity.controllerDid);
}

/** Revoked beats expired; what counts for nothing for another reason is provisional. `now` is epoch ms. */
export function statusOf(device: DeviceView, now: number): DeviceStatus {
  if (device.revokedAt !== null) return 'revoked';
  if (device.fault !== null) return 'provisional';
  return device.expiresAt !== null && Date.parse(device.expiresAt) <= now ? 'expired' : 'active';
}

/** Of the home's git configuration, which is a few lines. */
const MAX_CONFIG = 1 << 20;

/** A kit in the home counts as "on this machine", whatever was exported since. */
export function recoveryState(home: string): RecoveryState {
  if (existsSync(homeFiles(home).kit)) return 'on-this-machine';
  const config = readSmallText(join(home, 'config'), MAX_CONFIG) ?? '';
  const section = /^\[auths\]$([^[]*)/m.exec(config)?.[1] ?? '';
  const value = /^\s*recovery = (\w+)$/m.exec(section)?.[1];
  return value === 'exported' || value === 'checked' ? value : null;
}

function keychainOf(context: Context): HomeReport['keychain'] {
  const asked = context.env['AUTHS_KEYCHAIN'];
  if (asked === 'os' || asked === 'memory') return asked;
  return existsSync(join(context.home, 'keys.enc')) ? 'file' : null;
}
