/** What a joiner's home holds before, during and after a pairing. Everything is judged before it is written, and written before "ack". */
import type { AttestationRecord, LinkRecord } from '../attestation/attestation.ts';
import { deviceStatus, type DeviceState } from '../attestation/device-state.ts';
import { foldDevices } from '../attestation/fold.ts';
import { digestOf } from '../attestation/sign.ts';
import { concat } from '../encoding/bytes.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import { utf8 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import { prefixOf, type DidKey, type DidKeri } from '../identifiers.ts';
import { advance, type Log } from '../keri/advance.ts';
import { storedEventOf } from '../keri/build.ts';
import { replay, type ReplayedEvent } from '../keri/key-state.ts';
import { hostInvalid, type VerifiedHost } from '../pairing/verify-host.ts';
import { REASSEMBLY_BYTES } from '../pairing/limits.ts';
import type { InnerMessage } from '../pairing/messages.ts';
import { readOwnLog, storedRecord } from './seal-records.ts';
import { ownDevices } from './own-devices.ts';
import type { JoinContext, Standing } from './join-context.ts';
import type { JoinerHome, KnownHost, PairingWorld } from './pairing-ports.ts';
import { sealsOf } from './seals.ts';

/** The part of a joiner's context that storing needs. */
export type StoringContext = Pick<JoinContext, 'home' | 'engine' | 'clock' | 'deviceDid' | 'standing'>;

/** Reads identity, log and records of the home. A log that does not replay counts as nothing known. */
export async function readStanding(deps: PairingWorld & { readonly home: JoinerHome }): Promise<Standing> {
  const { home, engine, clock } = deps;
  const identity = await home.identity();
  if (identity === null) return { controllerDid: null, role: null, state: 'none', link: null };
  const { controllerDid, role } = identity;
  if (role === 'controller') return { controllerDid, role, state: 'active', link: null };
  const signer = await home.deviceKey({ renew: false });
  const did = encodeDidKey(signer.publicKey);
  const fold = await ownDevices({ log: home.log, records: home.records, engine }, controllerDid);
  const own = fold.devices.find(({ subject }) => subject === did);
  if (own === undefined) return { controllerDid, role, state: 'pending', link: null };
  const status = deviceStatus(own, clock.now());
  // Without every record that the log seals, those of other devices too, the pairing has not come to its end.
  if (status === 'active' && fold.missing.length > 0)
    return { controllerDid, role, state: 'pending', link: null };
  // What counts for nothing, or no more, joins again.
  const isIdle = status === 'expired' || (status === 'active' && own.fault !== null);
  const state = isIdle ? 'none' : status;
  return { controllerDid, role, state, link: state === 'active' ? own.link : null };
}

/**
 * Step 4's last question: may this home belong to that identity? The home of a controller or of another identity is
 * `conflict`; a log that contradicts, or is older than, the one known here is `host-identity-invalid`. Resolves to the link of a
 * device that is paired already, else null.
 */
export async function requireKnownHost(
  context: StoringContext,
  host: VerifiedHost,
): Promise<LinkRecord | null> {
  const { standing } = context;
  if (standing.controllerDid === null) return null;
  if (standing.role === 'controller' || standing.controllerDid !== host.controllerDid) {
    throw new AuthsError('pairing/conflict', `this home belongs to ${standing.controllerDid}`, {
      hint: 'Join with another home: AUTHS_HOME=/path/to/home auths pair --join …',
      details: { controller_did: standing.controllerDid },
    });
  }
  const known = await knownLog(context, host.controllerDid);
  if (known !== null) {
    const step = advance(known, logOf(host));
    if (step.kind === 'disputed' || step.kind === 'foreign')
      throw hostInvalid('its log contradicts the one known here');
    if (step.kind === 'unchanged' && known.events.length > host.kel.events.length) {
      throw hostInvalid('its log is older than the one known here');
    }
  }
  return standing.link;
}

async function knownLog(context: StoringContext, controllerDid: DidKeri): Promise<Log | null> {
  const { home, engine } = context;
  if ((await home.log.read(prefixOf(controllerDid))) === null) return null;
  const { verdict } = await readOwnLog({ log: home.log, engine }, controllerDid);
  return { prefix: prefixOf(controllerDid), events: verdict.events };
}

function logOf(host: Pick<VerifiedHost, 'controllerDid' | 'kel'>): Log {
  return { prefix: prefixOf(host.controllerDid), events: host.kel.events };
}

/** Step 8: log, link, host entry and, last, what the home is. Durable when it resolves. */
export async function storePending(
  context: StoringContext,
  host: VerifiedHost,
  link: LinkRecord,
  entry: KnownHost,
): Promise<void> {
  const { home } = context;
  await storeLog(context, host.controllerDid, host.kel.events);
  await home.records.put(host.controllerDid, [storedRecord(link, null)]);
  await home.keepHost(host.controllerDid, entry);
  await home.adopt(host.controllerDid);
}

/** Step 10: the host's further events and every record; this device and the host's own must stand sealed and live in them. */
export async function acceptAnchored(
  context: StoringContext,
  host: VerifiedHost,
  link: LinkRecord,
  hostDeviceDid: DidKey,
  nextPiece: () => Promise<Extract<InnerMessage, { readonly t: 'anchored' }>>,
): Promise<void> {
  await judgeAnchored(context, host, link, hostDeviceDid, await collect(nextPiece))();
}

/** The host's last news: its further events as CESR text, and every record. */
interface AnchoredNews {
  readonly events: string;
  readonly records: readonly AttestationRecord[];
}

/** The judgement of `acceptAnchored`; what it returns writes. */
export function judgeAnchored(
  context: StoringContext,
  host: VerifiedHost,
  link: LinkRecord,
  hostDeviceDid: DidKey,
  { events, records }: AnchoredNews,
): () => Promise<void> {
  const stream = concat(host.stream, utf8(events));
  const kel = replay(stream, { engine: context.engine });
  if (kel.verdict !== 'accepted' || kel.state?.prefix !== prefixOf(host.controllerDid)) {
    throw hostInvalid(`its further events do not verify${kel.reason === null ? '' : `: ${kel.reason}`}`);
  }
  const seals = sealsOf(kel.events);
  const digest = digestOf(link);
  if (!seals.has(digest)) throw hostInvalid('the log that it sends does not seal the attestation');
  const fold = foldDevices({
    issuer: host.controllerDid,
    events: kel.events,
    records,
    engine: context.engine,
  });
  const isLive = (did: DidKey): boolean => {
    const device = fold.devices.find(({ subject }) => subject === did);
    return device !== undefined && isUsable(device) && deviceStatus(device, context.clock.now()) === 'active';
  };
  if (!isLive(context.deviceDid))
    throw hostInvalid('the records that it sends do not make this device one of its own');
  if (!isLive(hostDeviceDid)) throw hostInvalid("the host's own device is not a live device of its identity");
  const sealed = records.filter((record) => seals.has(digestOf(record)));
  return async () => {
    // The log last: with it this device counts as paired, and then every record that it seals must be here.
    await context.home.records.put(
      host.controllerDid,
      sealed.map((record) => storedRecord(record, seals.get(digestOf(record)) ?? null)),
    );
    await storeLog(context, host.controllerDid, kel.events);
  };
}

function isUsable(device: DeviceState): boolean {
  return device.fault === null && device.missing.length === 0;
}

async function collect(
  nextPiece: () => Promise<Extract<InnerMessage, { readonly t: 'anchored' }>>,
): Promise<AnchoredNews> {
  let events = '';
  const records: AttestationRecord[] = [];
  for (let size = 0; size <= REASSEMBLY_BYTES;) {
    const piece = await nextPiece();
    events += piece.events;
    records.push(...piece.records);
    if (piece.last) return { events, records };
    // A piece that brings nothing still counts: an endless row of them must end.
    size += Math.max(1_024, piece.events.length + piece.records.length * 512);
  }
  throw new AuthsError('pairing/payload-too-large', 'the host sends more than a log and its records can be');
}

/** Brings the home's log to these events, which extends or recovers what is there. Loses no race against a sync running beside it. */
async function storeLog(
  { home, engine }: StoringContext,
  controllerDid: DidKeri,
  events: readonly ReplayedEvent[],
): Promise<void> {
  const prefix = prefixOf(controllerDid);
  for (let tries = 0; tries < 8; tries++) {
    const stored = await home.log.read(prefix);
    const floor: Log | null =
      stored === null ? null : { prefix, events: replay(stored.stream, { engine }).events };
    const step = advance(floor, { prefix, events });
    if (step.kind === 'unchanged') return;
    if (step.kind === 'disputed' || step.kind === 'foreign')
      throw hostInvalid('its log contradicts the one known here');
    const added = events.slice(step.from).map(storedEventOf);
    const done =
      step.kind === 'recovered' && stored !== null
        ? await home.log.supersede(prefix, stored.version, step.from, added)
        : await home.log.append(prefix, stored?.version ?? null, added);
    if (done !== null) return;
  }
  throw new AuthsError('kel/conflict', 'other programs kept writing the log', {
    hint: 'Try again.',
    details: { prefix },
  });
}
