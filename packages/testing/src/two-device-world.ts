/** An authority and a home that wants to join, with real keys, logs and records, for pairing tests. */
import { createPublicKey, verify } from 'node:crypto';
import { buildLink, signedBytes, withSignatures } from '@auths/core/attestation/sign';
import { CAPABILITIES } from '@auths/core/attestation/capability';
import { publicKeyOf, signEd25519 } from '@auths/core/crypto/ed25519';
import type {
  HostIdentity,
  JoinerHome,
  KnownHost,
  PairedDevice,
  PairedDevices,
  PairingJournal,
} from '@auths/core/flows/pairing-ports';
import { sealRecords } from '@auths/core/flows/seal-records';
import { didKeriOf, type DidKeri } from '@auths/core/identifiers';
import { incept, nextDigestOf, rotate, storedEvent } from '@auths/core/keri/build';
import { replay } from '@auths/core/keri/key-state';
import type { Clock, Random, Signer, VerifyEngine } from '@auths/core/ports';
import { createMemoryLog, createMemoryRecords, type MemoryLog } from './memory-stores.ts';

/** OpenSSL's equation, which is ours. */
export const engine: VerifyEngine = {
  verify(publicKey, message, signature) {
    const x = Buffer.from(publicKey).toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return verify(null, message, key, signature);
  },
};

export function createTestSigner(seed: Uint8Array): Signer {
  return {
    publicKey: publicKeyOf(seed),
    async sign(message) {
      return signEd25519(seed, message);
    },
  };
}

export interface MemoryPairedDevices extends PairedDevices {
  readonly entries: PairedDevice[];
  readonly journals: PairingJournal[];
}

function drop<T>(list: T[], match: (one: T) => boolean): void {
  const at = list.findIndex(match);
  if (at >= 0) list.splice(at, 1);
}

export function createMemoryPairedDevices(): MemoryPairedDevices {
  const entries: PairedDevice[] = [];
  const journals: PairingJournal[] = [];
  return {
    entries,
    journals,
    async begin(device, journal) {
      entries.push(device);
      journals.push(journal);
    },
    async acknowledge(session) {
      const at = journals.findIndex((one) => one.session_id === session);
      const journal = journals[at];
      if (journal !== undefined) journals[at] = { ...journal, acknowledged: true };
    },
    async activate(journal, isGranted) {
      if (!(await isGranted())) {
        await this.forget(journal);
        return false;
      }
      const at = entries.findIndex((one) => one.rid === journal.link.rid);
      const entry = entries[at];
      if (entry !== undefined) entries[at] = { ...entry, status: 'active' };
      drop(
        entries,
        (one) => one.device_id === journal.device_id && one !== entries[at] && one.status === 'active',
      );
      drop(journals, (one) => one.session_id === journal.session_id);
      return true;
    },
    async forget(journal) {
      drop(entries, (one) => one.rid === journal.link.rid && one.status === 'provisional');
      drop(journals, (one) => one.session_id === journal.session_id);
    },
    async unfinished() {
      return [...journals];
    },
  };
}

export interface TestAuthority extends HostIdentity {
  readonly log: MemoryLog;
  readonly devices: MemoryPairedDevices;
  readonly reopen: () => Promise<Signer>;
  /** What `auths id rotate` does in another process. */
  readonly rotate: () => Promise<void>;
}

/** icp, and an ixn that seals the link of the authority's own device. */
export async function createAuthority(clock: Clock, random: Random): Promise<TestAuthority> {
  const identity = createTestSigner(random.bytes(32));
  const device = createTestSigner(random.bytes(32));
  let current = identity;
  let next = createTestSigner(random.bytes(32));
  const built = incept({ key: identity.publicKey, nextDigest: nextDigestOf(next.publicKey) });
  const controllerDid = didKeriOf(built.prefix);
  const log = createMemoryLog();
  const records = createMemoryRecords();
  const inception = storedEvent(built, [{ index: 0, signature: await identity.sign(built.event) }]);
  await log.append(built.prefix, null, [inception]);
  const link = buildLink({
    rid: random.bytes(16),
    issuer: controllerDid,
    devicePublicKey: device.publicKey,
    capabilities: CAPABILITIES,
    name: 'laptop',
    issuedAt: clock.now(),
  });
  const message = signedBytes(link);
  const signed = withSignatures(link, {
    identity: await identity.sign(message),
    device: await device.sign(message),
  });
  await sealRecords({ identity, log, records, engine }, controllerDid, [signed]);
  return {
    controllerDid,
    identity,
    device,
    channelSecret: random.bytes(32),
    log,
    records,
    devices: createMemoryPairedDevices(),
    reopen: async () => current,
    async rotate() {
      const stored = await log.read(built.prefix);
      const tip = stored === null ? null : replay(stored.stream, { engine }).events.at(-1);
      if (stored === null || tip === null || tip === undefined) throw new Error('no log');
      current = next;
      next = createTestSigner(random.bytes(32));
      const rot = rotate({
        prefix: built.prefix,
        sequence: tip.sequence + 1,
        prior: tip.said,
        key: current.publicKey,
        nextDigest: nextDigestOf(next.publicKey),
      });
      const signature = await current.sign(rot.event);
      await log.append(built.prefix, stored.version, [storedEvent(rot, [{ index: 0, signature }])]);
    },
  };
}

export interface TestJoinerHome extends JoinerHome {
  readonly hosts: Map<DidKeri, KnownHost>;
  /** What happened, in order. */
  readonly writes: string[];
  readonly log: MemoryLog;
}

export function createJoinerHome(random: Random, role: 'device' | 'controller' = 'device'): TestJoinerHome {
  let device = createTestSigner(random.bytes(32));
  const channel = random.bytes(32);
  let controller: DidKeri | null = null;
  const hosts = new Map<DidKeri, KnownHost>();
  const writes: string[] = [];
  const log = createMemoryLog();
  log.beforeAppend = async () => void writes.push('log');
  const records = createMemoryRecords();
  return {
    hosts,
    writes,
    log,
    records: {
      list: (issuer) => records.list(issuer),
      async put(issuer, added) {
        writes.push('records');
        await records.put(issuer, added);
      },
    },
    async identity() {
      return controller === null ? null : { controllerDid: controller, role };
    },
    async deviceKey({ renew }) {
      if (renew) device = createTestSigner(random.bytes(32));
      return device;
    },
    async channelSecret() {
      return channel;
    },
    async keepHost(did, host) {
      writes.push('host');
      hosts.set(did, host);
    },
    async adopt(did) {
      writes.push('adopt');
      controller = did;
    },
  };
}
