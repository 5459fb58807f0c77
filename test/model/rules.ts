/** What may never be seen, judged from outside after every step that changed something. */
import { parseRecord, type LinkRecord } from '../../packages/core/src/attestation/attestation.ts';
import { digestOf } from '../../packages/core/src/attestation/sign.ts';
import type { PairingJournal } from '../../packages/core/src/flows/pairing-ports.ts';
import { ownDevices } from '../../packages/core/src/flows/own-devices.ts';
import { sealsOf } from '../../packages/core/src/flows/seals.ts';
import { prefixOf, type DidKey, type Said } from '../../packages/core/src/identifiers.ts';
import { replay } from '../../packages/core/src/keri/key-state.ts';
import { ATTEMPTS_PER_SLOT, RUNS_PER_CODE } from '../../packages/core/src/pairing/limits.ts';
import { deviceStatus } from '../../packages/core/src/attestation/device-state.ts';
import type { StoredRecord } from '../../packages/core/src/ports.ts';
import { engine, type Joiner, type World } from './world.ts';

export type Rule =
  | 'consent'
  | 'one grant a code'
  | 'listed'
  | 'stranded'
  | 'attempts'
  | 'secrets'
  | 'leftovers'
  | 'clean errors'
  | 'settles';

/** A walk that broke a rule. */
export class Broken extends Error {
  readonly rule: Rule;

  constructor(rule: Rule, what: string) {
    super(`${rule}: ${what}`);
    this.rule = rule;
  }
}

/** What a walk remembers from one look to the next. */
export interface Memory {
  version: string;
  /** Of every device but the host's own, by digest. */
  sealed: ReadonlyMap<string, LinkRecord>;
  /** Not revoked, as a verifier of the log sees it. */
  working: ReadonlySet<DidKey>;
  /** Which session a link came from: its journal said so when it was begun. */
  readonly sessionOf: Map<string, string>;
}

export function createMemory(): Memory {
  return { version: '', sealed: new Map(), working: new Set(), sessionOf: new Map() };
}

/** Throws `Broken`. */
export async function look(world: World, memory: Memory): Promise<void> {
  await readLog(world, memory);
  for (const entry of world.disk.journal.values()) {
    const { session_id, link } = entry as unknown as PairingJournal;
    memory.sessionOf.set(link.rid, session_id);
  }
  const fault = world.faults[0];
  if (fault !== undefined) throw new Broken('consent', fault);
  everyGrantWasAgreed(world, memory);
  oneGrantForOneCode(world, memory);
  everyWorkingDeviceIsListed(world, memory);
  for (const rid of world.believed) {
    if (![...memory.sealed.values()].some((link) => link.rid === rid))
      throw new Broken('listed', 'a command said "paired" of a device that is not');
  }
  attemptsAreBounded(world);
}

async function readLog({ authority }: World, memory: Memory): Promise<void> {
  const { controllerDid, log: store, records } = authority;
  const log = await store.read(prefixOf(controllerDid));
  if (log === null || log.version === memory.version) return;
  const { devices, missing } = await ownDevices({ log: store, records, engine }, controllerDid);
  if (missing.length > 0) throw new Broken('listed', 'a seal without its record');
  const seals = sealsOf(replay(log.stream, { engine }).events);
  const links = [...linksOf(await records.list(controllerDid))];
  memory.sealed = new Map(
    links.filter(([digest, { name }]) => seals.has(digest as Said) && name !== 'laptop'),
  );
  memory.working = new Set(
    devices.filter(({ revocation }) => revocation === null).map(({ subject }) => subject),
  );
  memory.version = log.version;
}

function everyGrantWasAgreed(world: World, memory: Memory): void {
  const agreed = (did: string, session: string | undefined): boolean =>
    world.consents.some((one) => one.deviceDid === did && (session === undefined || one.session === session));
  for (const link of memory.sealed.values()) {
    if (!agreed(link.subject, memory.sessionOf.get(link.rid)))
      throw new Broken('consent', `${link.name} was let in and nobody agreed to this key in this session`);
  }
  for (const entry of world.disk.list) {
    if (!agreed(entry.device_did, memory.sessionOf.get(entry.rid)))
      throw new Broken('consent', `${entry.name} is listed and nobody agreed to this key in this session`);
  }
  // The person compared, so what was agreed to was on the screen of a device that was meant.
  const stranger = world.joiners.find(({ honest }) => !honest);
  const asked = world.consents.find((one) => one.deviceDid === stranger?.did && one.how !== 'none');
  if (world.scenario.attentive && asked !== undefined)
    throw new Broken('consent', 'the stranger shows the same fingerprint');
}

function oneGrantForOneCode({ paired }: World, memory: Memory): void {
  const used = new Map<string, string>();
  for (const { rid, name } of memory.sealed.values()) {
    const session = memory.sessionOf.get(rid);
    if (session === undefined) continue;
    const other = used.get(session);
    if (other !== undefined) throw new Broken('one grant a code', `${name} and ${other} by one code`);
    used.set(session, name);
  }
  const announced = paired.map(({ session }) => session);
  if (new Set(announced).size !== announced.length)
    throw new Broken('one grant a code', 'a host announced two devices for one code');
}

/** A device whose link verifies against the host's log is on the host's list, by one of its links that are sealed. */
function everyWorkingDeviceIsListed({ disk }: World, { sealed, working }: Memory): void {
  const open = new Set(disk.list.filter(({ status }) => status !== 'revoked').map(({ rid }) => rid));
  const listed = new Set(
    [...sealed.values()].filter(({ rid }) => open.has(rid)).map(({ subject }) => subject),
  );
  for (const { subject, name } of sealed.values()) {
    if (working.has(subject) && !listed.has(subject))
      throw new Broken('listed', `${name} works and is not listed`);
  }
  const rids = new Set([...sealed.values()].map(({ rid }) => rid));
  for (const { status, rid, name } of disk.list) {
    if (status === 'active' && !rids.has(rid))
      throw new Broken('listed', `${name} is listed as working and is not`);
  }
}

function attemptsAreBounded({ wires, failures, answers }: World): void {
  for (const [{ name }, sent] of answers)
    if (sent.size > RUNS_PER_CODE)
      throw new Broken('attempts', `${name} sent ${sent.size} answers for one code`);
  for (const { id, runs, slots } of wires.sessions.values()) {
    for (const { kind } of slots) {
      if (runs.filter((one) => one.kind === kind).length > ATTEMPTS_PER_SLOT)
        throw new Broken('attempts', `the relay took more answers for ${kind} of ${id}`);
    }
  }
  for (const [slot, count] of failures)
    if (count > ATTEMPTS_PER_SLOT)
      throw new Broken('attempts', `the host judged ${count} answers for ${slot}`);
}

/** After everything was begun again and nothing moves any more. */
export async function lookAtTheEnd(world: World, memory: Memory): Promise<void> {
  await look(world, memory);
  const { disk, wires } = world;
  if (disk.journal.size > 0)
    throw new Broken('leftovers', `the journal holds ${[...disk.journal.keys()].join()}`);
  const half = disk.list.find(({ status }) => status === 'provisional');
  if (half !== undefined) throw new Broken('leftovers', `${half.name} is still ${half.status}`);
  const devices = disk.list.filter(({ status }) => status === 'active').map(({ device_did }) => device_did);
  if (new Set(devices).size !== devices.length) throw new Broken('leftovers', 'a device is listed twice');
  for (const relay of [world.registry, ...world.offers.map((offer) => offer.relay)]) {
    if (relay.process.outcome !== null) continue;
    for (const id of wires.sessions.keys())
      if ((await relay.deps.store.read(id as never)) !== null)
        throw new Broken('leftovers', `${relay.name} still holds a session`);
  }
  await everyListedDeviceKnows(world);
}

/** What the host lists as working its joiner can finish, if it has not: whatever both people were told. */
export async function everyListedDeviceKnows({ disk, authority, joiners, scheduler }: World): Promise<void> {
  const { devices, missing } = await ownDevices({ ...authority, engine }, authority.controllerDid);
  if (missing.length > 0) throw new Broken('listed', 'a seal has no record');
  for (const entry of disk.list.filter(({ status }) => status === 'active')) {
    const device = devices.find(({ subject }) => subject === entry.device_did);
    if (device === undefined || deviceStatus(device, scheduler.time.now()) !== 'active')
      throw new Broken('listed', `auths devices does not show ${entry.name}`);
    const joiner = joiners.find(({ did }) => did === entry.device_did);
    if (joiner === undefined || !(await holds(joiner, device.linkDigest)))
      throw new Broken('stranded', `${entry.name} is listed as working and does not know it`);
  }
}

/** Whether a joiner can finish: it has the link, knows whose it is, and how to find its host. */
async function holds(joiner: Joiner, digest: string): Promise<boolean> {
  const identity = await joiner.home.identity();
  if (identity === null || !joiner.home.hosts.has(identity.controllerDid)) return false;
  return linksOf(await joiner.home.records.list(identity.controllerDid)).has(digest);
}

function linksOf(records: readonly StoredRecord[]): ReadonlyMap<string, LinkRecord> {
  const links = new Map<string, LinkRecord>();
  for (const { bytes } of records) {
    const record = parseRecord(bytes);
    if (record.type === 'link') links.set(digestOf(record), record);
  }
  return links;
}
