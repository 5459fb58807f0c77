/**
 * A new identity and its first device (architecture.md "Init", storage-and-verification.md 1 and 2).
 *
 * Order of writes, and why any prefix of it can be resumed:
 *   1. identity, device and channel seeds   get or create
 *   2. recovery kit with the next seed      until the log is published it may be written anew
 *   3. the first device's record            found again by its device
 *   4. the log: icp + ixn sealing 3         one compare-and-swap; from here on nothing is drawn again
 *   5. the identity document                its presence alone means that the identity exists
 * The caller holds the home's lock: two runs at once would each write their own kit.
 */
import { CAPABILITIES } from '../attestation/capability.ts';
import { parseRecord, type LinkRecord } from '../attestation/attestation.ts';
import { buildLink, digestOf, encodeRecord, signedBytes, withSignatures } from '../attestation/sign.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import { concat, equalBytes, wipe } from '../encoding/bytes.ts';
import { latin1 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import { didKeriOf, type DidKey, type DidKeri, type Prefix } from '../identifiers.ts';
import { incept, interact, nextDigestOf, storedEvent, type BuiltEvent } from '../keri/build.ts';
import { replay, type KelVerdict } from '../keri/key-state.ts';
import type {
  AttestationStore,
  Clock,
  EventLog,
  Signer,
  StoredEvent,
  StoredRecord,
  VerifyEngine,
} from '../ports.ts';
import { channelKey, seed, type FirstKeyPorts } from './first-keys.ts';

/** What a recovery kit holds of an identity that begins. */
export interface FirstKit {
  readonly prefix: Prefix;
  /** 32 bytes: the seed of the key that the first rotation will reveal. */
  readonly nextSeed: Uint8Array;
  /** The inception event with its signature. */
  readonly stream: Uint8Array;
}

/** Where the kit goes. */
export interface KitPlace {
  /** The kit that an interrupted run left; null when there is none, or none that opens and may be replaced. */
  read(): Promise<FirstKit | null>;
  /** Durable and read back when it resolves. */
  write(kit: FirstKit): Promise<void>;
}

export interface InitPorts extends FirstKeyPorts {
  readonly clock: Clock;
  readonly engine: VerifyEngine;
  readonly kit: KitPlace;
  readonly log: EventLog;
  readonly attestations: AttestationStore;
  /** Writes the identity document of a controller: the last step. */
  readonly writeIdentity: (did: DidKeri, createdAt: number) => Promise<void>;
}

export interface Initialised {
  readonly controllerDid: DidKeri;
  readonly deviceDid: DidKey;
  readonly devicePublicKey: Uint8Array;
  readonly deviceName: string;
}

/** Creates the identity, or finishes what an interrupted run began. The home must not have an identity document. */
export async function initIdentity(
  ports: InitPorts,
  options: { readonly deviceName: string },
): Promise<Initialised> {
  await requireOwnLogs(ports);
  const identitySeed = await seed(ports, 'identity');
  const deviceSeed = await seed(ports, 'device');
  await channelKey(ports);
  try {
    const identity = ports.signerOf(identitySeed);
    const device = ports.signerOf(deviceSeed);
    const published = await publishedLog(ports, identity.publicKey);
    const inception = published === null ? await prepareInception(ports, identity) : null;
    const prefix = published?.prefix ?? (inception as Inception).built.prefix;
    const controllerDid = didKeriOf(prefix);
    await ports.keys.put('identity', identitySeed, { did: controllerDid, replace: true });
    const link = await firstLink(ports, controllerDid, identity, device, options.deviceName, published);
    if (inception !== null) await publish(ports, inception, link, identity);
    await ports.attestations.put(controllerDid, [storedLink(link, 1)]);
    await ports.writeIdentity(controllerDid, ports.clock.now());
    return {
      controllerDid,
      deviceDid: encodeDidKey(device.publicKey),
      devicePublicKey: device.publicKey,
      deviceName: link.name,
    };
  } finally {
    wipe(identitySeed, deviceSeed);
  }
}

/**
 * `storage/corrupt` where the home holds a log that no interrupted run of this kind left: of another key, or one that has
 * been rotated. Its identity document is lost, and a second identity would take its keys' and its kit's place.
 */
async function requireOwnLogs(ports: InitPorts): Promise<void> {
  const prefixes = await ports.log.list();
  if (prefixes.length === 0) return;
  const began = (await ports.keys.list()).find(({ alias }) => alias === 'identity')?.did ?? null;
  for (const prefix of prefixes) {
    const log = await ports.log.read(prefix);
    const { events } = replay(log?.stream ?? new Uint8Array(0), { engine: ports.engine });
    if (didKeriOf(prefix) === began && (events.at(-1)?.authority.sequence ?? 0) === 0) continue;
    throw new AuthsError(
      'storage/corrupt',
      `this home holds the key event log of ${didKeriOf(prefix)}, and not what says whose home it is`,
      {
        hint: 'auths doctor --fix looks for it. In vain: run the same auths id recover again where one was interrupted; else put back a copy of the home, or begin again elsewhere: AUTHS_HOME=~/.auths-new, with auths id recover, auths pair --join CODE or auths init',
        details: { path: `refs/did/keri/${prefix}/kel` },
      },
    );
  }
}

interface Published {
  readonly prefix: Prefix;
  readonly verdict: KelVerdict;
}

/** The log that this identity key began, if an earlier run came that far. */
async function publishedLog(ports: InitPorts, identityKey: Uint8Array): Promise<Published | null> {
  for (const prefix of await ports.log.list()) {
    const log = await ports.log.read(prefix);
    if (log === null) continue;
    const verdict = replay(log.stream, { engine: ports.engine });
    const first = verdict.events[0]?.keys[0];
    if (first === undefined || !equalBytes(first, identityKey)) continue;
    if (verdict.verdict === 'accepted') return { prefix, verdict };
    throw new AuthsError('kel/invalid', `the key event log of ${prefix} in this home does not replay`, {
      hint: 'auths doctor',
      details: { prefix, at: verdict.at, rule: verdict.rule ?? verdict.verdict },
    });
  }
  return null;
}

interface Inception {
  readonly built: BuiltEvent;
  readonly event: StoredEvent;
}

/** The inception event whose next key lies in the kit; the kit is durable when this resolves. */
async function prepareInception(ports: InitPorts, identity: Signer): Promise<Inception> {
  const left = await ports.kit.read();
  if (left !== null) {
    const inception = await incepted(ports, identity, left.nextSeed);
    wipe(left.nextSeed);
    if (inception.built.prefix === left.prefix) return inception;
  }
  const nextSeed = ports.random.bytes(32);
  const inception = await incepted(ports, identity, nextSeed);
  await ports.kit.write({ prefix: inception.built.prefix, nextSeed, stream: messageOf(inception.event) });
  wipe(nextSeed);
  return inception;
}

async function incepted(ports: InitPorts, identity: Signer, nextSeed: Uint8Array): Promise<Inception> {
  const nextDigest = nextDigestOf(ports.signerOf(nextSeed).publicKey);
  const built = incept({ key: identity.publicKey, nextDigest });
  return { built, event: await signed(built, identity) };
}

/** The record of this device: the one that an earlier run made, else a new one, stored before anything seals it. */
async function firstLink(
  ports: InitPorts,
  issuer: DidKeri,
  identity: Signer,
  device: Signer,
  name: string,
  published: Published | null,
): Promise<LinkRecord> {
  const subject = encodeDidKey(device.publicKey);
  for (const stored of await ports.attestations.list(issuer)) {
    if (stored.subject !== subject) continue;
    const record = parseRecord(stored.bytes);
    if (record.type === 'link' && (published === null || isSealed(published, digestOf(record))))
      return record;
  }
  if (published !== null) {
    throw new AuthsError('storage/corrupt', 'the log is there but the record of its first device is not', {
      hint: 'auths doctor',
      details: { path: 'refs/auths/devices' },
    });
  }
  const unsigned = buildLink({
    rid: ports.random.bytes(16),
    issuer,
    devicePublicKey: device.publicKey,
    capabilities: CAPABILITIES,
    name,
    issuedAt: ports.clock.now(),
  });
  const bytes = signedBytes(unsigned);
  const record = withSignatures(unsigned, {
    identity: await identity.sign(bytes),
    device: await device.sign(bytes),
  });
  await ports.attestations.put(issuer, [storedLink(record, null)]);
  return record;
}

function storedLink(record: LinkRecord, sealedAt: number | null): StoredRecord {
  return { subject: record.subject, digest: digestOf(record), sealedAt, bytes: encodeRecord(record) };
}

function isSealed(published: Published, digest: string): boolean {
  return published.verdict.events.some((event) =>
    event.seals.some(
      (seal) => typeof seal === 'object' && seal !== null && (seal as { d?: unknown }).d === digest,
    ),
  );
}

/** Both events in one step, so that no log without its first device is ever seen. */
async function publish(
  ports: InitPorts,
  inception: Inception,
  link: LinkRecord,
  identity: Signer,
): Promise<void> {
  const { prefix, said } = inception.built;
  const anchor = interact({ prefix, sequence: 1, prior: said, seals: [{ d: digestOf(link) }] });
  const log = await ports.log.append(prefix, null, [inception.event, await signed(anchor, identity)]);
  if (log === null) {
    throw new AuthsError('kel/conflict', 'another process wrote this log at the same moment', {
      hint: 'run auths init again: it goes on from where this one stopped',
      details: { prefix },
    });
  }
}

async function signed(built: BuiltEvent, signer: Signer): Promise<StoredEvent> {
  return storedEvent(built, [{ index: 0, signature: await signer.sign(built.event) }]);
}

function messageOf(event: StoredEvent): Uint8Array {
  return concat(event.event, latin1(event.attachments));
}
