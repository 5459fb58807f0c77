/** The allow-list: that it can be read, and that no pairing is left half-way in it. */
import { readableRecord } from '@auths/core/attestation/attestation';
import { hasCode } from '@auths/core/errors';
import type { DidKeri } from '@auths/core/identifiers';
import { gitAttestationStore } from '@auths/git-store/attestation-store';
import type { Home } from '@auths/git-store/home-repository';
import { checkAllowList as readAndCheck, restoreAllowList, type Restored } from '@auths/key-store/allow-list';
import { settleStranded, strandedPairings } from '@auths/key-store/stranded-pairings';
import type { Context } from '../command.ts';
import { closeRevokedChannels, openRevokedChannels, type Logged } from '../home/channels.ts';
import { foldStates } from '../home/fold-home.ts';
import { readLogView } from '../home/identity-view.ts';
import { failed, fixed, ok, type Finding } from './finding.ts';
import { inHome } from './leftovers.ts';

const CHECK = 'paired devices';

const RESTORED: Readonly<Record<Exclude<Restored, 'whole'>, string>> = {
  restored: 'the allow-list could not be read; its backup is in place',
  'backup-aside': 'the backup of the allow-list was no file; it lies aside as .unreadable',
  'begun-anew':
    'neither the allow-list nor a backup could be read, and what was there lies aside as .unreadable. The devices are in the log and sign as before; the keys of their channels to this machine are lost: one that needs it pairs again',
};

export async function checkAllowList(context: Context, fix: boolean): Promise<readonly Finding[]> {
  const sound = async (): Promise<readonly Finding[]> => {
    const devices = await readAndCheck(context.home);
    return [ok(CHECK, `${devices.length} on the allow-list`)];
  };
  try {
    return await sound();
  } catch (error) {
    if (!fix || !hasCode(error, 'storage/corrupt')) throw error;
    const restored = await restoreAllowList(context.home);
    // Another process was first.
    return restored === 'whole' ? sound() : [fixed(CHECK, RESTORED[restored])];
  }
}

/** Who may open a channel. By itself, so that nothing else that fails leaves a revoked device one; where the list cannot be read, another check says so. */
export async function checkChannels(context: Context, fix: boolean): Promise<readonly Finding[]> {
  return inHome(context, async (home, { controller_did }) => {
    const read = (): Promise<Logged> => knownDevices(home, controller_did);
    const known = await read();
    const open = await openRevokedChannels(home, known).catch(unlessUnreadable);
    if (open.length === 0) return [];
    if (fix) await closeRevokedChannels(home, read);
    const detail = `revoked, and still on the allow-list: ${open.join(', ')}`;
    return [fix ? fixed(CHECK, detail) : failed(CHECK, detail, 'auths doctor --fix')];
  });
}

/** The devices of the log; where it was cut, whom a record revokes that is left of its lost events is revoked. */
async function knownDevices(home: Home, did: DidKeri): Promise<Logged> {
  const view = await readLogView(home, did);
  if (view.lost === null) return view;
  const stored = await gitAttestationStore(home).list(did);
  const records = stored.flatMap(({ bytes }) => readableRecord(bytes) ?? []);
  const revoked = records.flatMap((record) =>
    record.type === 'revocation' ? [{ did: record.subject, revokedAt: record.revoked_at }] : [],
  );
  return { lost: view.lost, devices: [...view.devices, ...revoked] };
}

function unlessUnreadable(error: unknown): readonly [] {
  if (hasCode(error, 'storage/corrupt') || hasCode(error, 'storage/version')) return [];
  throw error;
}

/** After the log has closed what it revokes. Where list or journal cannot be read, another check says so. */
export async function checkStranded(context: Context, fix: boolean): Promise<readonly Finding[]> {
  return inHome(context, async (home, { controller_did }) => {
    const stranded = await strandedPairings(home.dir).catch(unlessUnreadable);
    const isCut = stranded.length > 0 && (await foldStates(home, controller_did)).lost !== null;
    if (stranded.length === 0 || isCut) return [];
    const names = stranded.map(({ name }) => name).join(', ');
    const detail = `provisional on the allow-list, though no pairing is going on: ${names}`;
    if (!fix) return [failed(CHECK, detail, 'auths doctor --fix')];
    await settleStranded(home.dir, async () => {
      const { devices } = await foldStates(home, controller_did);
      return new Set(devices.filter(({ revocation }) => revocation === null).map(({ rid }) => rid));
    });
    return [fixed(CHECK, `${detail}; what the log has sealed is active now, the rest has to pair again`)];
  });
}
