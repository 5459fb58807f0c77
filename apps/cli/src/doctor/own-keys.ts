/** The keys of this home: that they are there, and that they are the ones that device.pub and the log name. */
import { decodeDidKey } from '@auths/core/encoding/did-key';
import { hasCode } from '@auths/core/errors';
import { NEXT_IDENTITY } from '@auths/core/flows/finish-rotation';
import { identityInForce, readOwnLog } from '@auths/core/flows/seal-records';
import { isDidKey } from '@auths/core/identifiers';
import type { Context } from '../command.ts';
import { homeFiles, lostKey, openKeys, signerFor, withIdentity } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { writeDevicePub } from '../home/device-files.ts';
import { readDeviceKey } from '../home/device-key.ts';
import { readIdentityView } from '../home/identity-view.ts';
import { NEEDED_KEYS } from '../home/own-keys.ts';
import { waitsForAnswer } from '../pairing/own-request.ts';
import { failed, fixed, ok, type Finding } from './finding.ts';

const DEVICE = 'device key';

/** device.pub against the key store's own entry, and that the other keys are there: none of it needs a passphrase. */
export async function checkDeviceKey(context: Context, fix: boolean): Promise<readonly Finding[]> {
  const entries = await (await openKeys(context)).list();
  const missing = await missingKey(
    context,
    entries.map(({ alias }) => alias),
  );
  if (missing !== null) {
    const { message, hint = null } = await lostKey(context, missing);
    return [failed(DEVICE, message, hint)];
  }
  const did = entries.find(({ alias }) => alias === 'device')?.did ?? null;
  if (did === null || !isDidKey(did)) return [];
  let now: string | null = null;
  try {
    now = readDeviceKey(context.home)?.did ?? null;
  } catch {
    now = null;
  }
  if (now === did) return [ok(DEVICE, 'device.pub fits the key store')];
  // The answer to its request brings it.
  if (now === null && waitsForAnswer(context.home) && (await readIdentityView(context.home)) === null)
    return [ok(DEVICE, 'it waits for the answer to the request of this home')];
  const detail = `${homeFiles(context.home).devicePub} is missing or is not this device's key`;
  if (!fix) return [failed(DEVICE, detail, 'auths doctor --fix')];
  await writeDevicePub(context.home, decodeDidKey(did), 'device');
  return [fixed(DEVICE, detail)];
}

/** A home with an identity, or with the public half of a device key, had keys. */
async function missingKey(context: Context, held: readonly string[]): Promise<string | null> {
  const view = await readIdentityView(context.home).catch(() => null);
  const isMissing = (alias: string): boolean => !held.includes(alias);
  if (view !== null) return NEEDED_KEYS[view.role].find(isMissing) ?? null;
  return isMissing('device') && readDeviceKey(context.home) !== null ? 'device' : null;
}

/** The file of keys holds no public half of this one, so that only its passphrase shows whether the log names it. */
export async function checkIdentityKey(context: Context): Promise<readonly Finding[]> {
  const view = await readIdentityView(context.home);
  // A log that has lost its newest events names no key to go by.
  if (view?.role !== 'controller' || view.lost !== null || context.terminal.passphraseSource() === null)
    return [];
  const keys = await openKeys(context);
  const entries = await keys.list().catch((error: unknown) => {
    // The check of the device key says so.
    if (hasCode(error, 'storage/corrupt')) return [];
    throw error;
  });
  const held = new Set(entries.map(({ alias }) => alias));
  // A rotation that was interrupted is ended by the next command that opens the key.
  if (!held.has('identity') || held.has(NEXT_IDENTITY)) return [];
  const identity = await signerFor(context, keys, 'identity');
  await withIdentity(context, async ({ log }) => {
    const { verdict } = await readOwnLog({ log, engine: verifyEngine }, view.controllerDid);
    await identityInForce({ identity }, verdict);
  });
  return [ok('identity key', 'it is the one that the log names')];
}
