/**
 * A recovery into a home that has no identity yet. The identity document comes last: until then the same command, run
 * again, goes on from wherever the last one stopped.
 */
import { readableRecord, type AttestationRecord, type LinkRecord } from '@auths/core/attestation/attestation';
import { CAPABILITIES } from '@auths/core/attestation/capability';
import { foldDevices } from '@auths/core/attestation/fold';
import { buildLink, buildRevocation, digestOf, signedBytes } from '@auths/core/attestation/sign';
import { equalBytes, toHex } from '@auths/core/encoding/bytes';
import { encodeX25519Did } from '@auths/core/encoding/did-key';
import { formatTime } from '@auths/core/encoding/time';
import { x25519PublicKey } from '@auths/core/crypto/x25519';
import { AuthsError } from '@auths/core/errors';
import { deviceKey } from '@auths/core/flows/first-keys';
import { mergeLog } from '@auths/core/flows/merge-log';
import { deviceOfLostHome, RECOVERED_NOTE } from '@auths/core/flows/lost-device';
import { findDevice } from '@auths/core/flows/own-devices';
import { rotateKeys, type Rotated } from '@auths/core/flows/rotate-keys';
import { type Draft } from '@auths/core/flows/seal-records';
import {
  surveySeals,
  type Survey,
  type SurveyedSeal,
  type SurveySource,
} from '@auths/core/flows/survey-seals';
import { didKeriOf, type DidKey, type Prefix } from '@auths/core/identifiers';
import type { KeyStore } from '@auths/core/ports';
import { writeIdentityDocument } from '@auths/git-store/identity-document';
import type { Remote } from '@auths/git-store/remote-address';
import { recordMachine } from '@auths/key-store/machine';
import { createSigner } from '@auths/key-store/signer';
import type { Context } from '../command.ts';
import { openKeys, signerFor, type Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { writeAllowedSigners, writeDevicePub } from '../home/device-files.ts';
import { noteGit } from '../home/unfinished-git.ts';
import { mergePorts } from '../remotes/pull-remote.ts';
import { collectSources } from './branch-sources.ts';
import { finishEarlier } from './earlier-recovery.ts';
import { rotationPorts } from './kit-shelf.ts';
import type { NextSeed } from './next-seed.ts';
import type { Found } from './recovery-source.ts';
import type { StandingRotation } from './standing-rotation.ts';
import { vouch, type VouchFlags } from './vouching.ts';

export interface RecoverWish extends VouchFlags {
  readonly lost: string | undefined;
  readonly name: string;
  readonly git: 'local' | 'global' | 'none';
}

export interface Recovered {
  readonly prefix: Prefix;
  readonly deviceDid: DidKey;
  /** Of this device, in the log. */
  readonly name: string;
  readonly rotated: Pick<Rotated, 'sequence' | 'said' | 'key' | 'records'>;
  readonly dropped: readonly SurveyedSeal[];
  /** The device that was revoked. */
  readonly revoked: DidKey | null;
  readonly remotes: readonly Remote[];
  /** Null, or what a run that died behind its rotation has decided. */
  readonly earlier: StandingRotation | null;
}

/** Recovers. What `findIdentity`, `vouch` and `rotateKeys` reject with; nothing is published then. */
export async function recoverInto(
  context: Context,
  stores: Stores,
  next: NextSeed,
  wish: RecoverWish,
  find: () => Promise<Found>,
): Promise<Recovered> {
  const earlier = await finishEarlier(context, stores, next);
  if (earlier !== null) {
    await settle(context, stores, earlier, wish.git);
    return earlier;
  }
  const found = await find();
  const issuer = didKeriOf(found.prefix);
  const sources = await withOwn(context, stores, found);
  const survey = surveySeals(verifyEngine, found.prefix, sources);
  const upon = survey?.trunk.events.at(-1)?.said;
  if (survey === null || upon === undefined)
    throw new AuthsError('input/malformed', 'no place shows a log that verifies');
  for (const { name, reason } of survey.refused) context.note(`${name} was passed over: ${reason}`);
  const vouched = await vouch(context, survey, wish, null);
  const lost = lostDevice(survey, { ...found, sources }, wish.lost, vouched.at);
  const keys = await openKeys(context, { newPassphrase: next.kit === null });
  await recordMachine(context.home);
  const device = await makeKeys(context, keys);
  await bringIn(stores, survey, found);
  const link = await ownLink(context, keys, issuer, wish.name);
  const reseal = withLost(survey, vouched.reseal, vouched.at, lost);
  const revocation =
    lost === null
      ? []
      : [buildRevocation({ device: lost, reason: 'compromised', revokedAt: context.clock.now() }) as Draft];
  const ports = await rotationPorts(
    context,
    stores,
    keys,
    found.remotes.map(({ url }) => url),
  );
  const rotated = await rotateKeys(ports, {
    issuer,
    nextSeed: next.seed,
    place: { at: vouched.at, upon },
    reseal,
    drafts: [link, ...revocation],
  });
  const recovered: Recovered = {
    prefix: found.prefix,
    deviceDid: device,
    name: wish.name,
    rotated,
    dropped: vouched.dropped.filter(({ digest }) => !reseal.some((record) => digestOf(record) === digest)),
    revoked: lost?.subject ?? null,
    remotes: found.remotes,
    earlier: null,
  };
  await settle(context, stores, recovered, wish.git);
  return recovered;
}

/**
 * What an earlier run that died before its rot has brought in, perhaps from places that are not named this time: the
 * rotation comes upon all of that. First, for it is the floor of what is brought in now.
 */
async function withOwn(
  context: Context,
  stores: Stores,
  { prefix, sources }: Found,
): Promise<readonly SurveySource[]> {
  return [...(await collectSources(context, stores, prefix)), ...sources];
}

async function makeKeys(context: Context, keys: KeyStore): Promise<DidKey> {
  const { random } = context;
  const { did } = await deviceKey({ keys, random, signerOf: createSigner });
  if ((await keys.get('channel')) === null) {
    const channel = random.bytes(32);
    await keys.put('channel', channel, { did: encodeX25519Did(x25519PublicKey(channel)) });
    channel.fill(0);
  }
  return did;
}

/** The trunk first; what conflicts with it is kept as disputed. */
async function bringIn(stores: Stores, survey: Survey, { prefix, sources }: Found): Promise<void> {
  const ports = await mergePorts(stores);
  const records = sources.flatMap((source) => source.records);
  const tip = survey.trunk.events.at(-1);
  const last = (stream: Uint8Array): boolean =>
    tip !== undefined &&
    stream.length >= tip.end &&
    equalBytes(stream.subarray(tip.offset, tip.offset + tip.size), tip.bytes);
  for (const { stream } of sources.toSorted((a, b) => Number(last(b.stream)) - Number(last(a.stream)))) {
    await mergeLog(ports, { prefix, stream, records, seen: null });
  }
}

async function ownLink(
  context: Context,
  keys: KeyStore,
  issuer: ReturnType<typeof didKeriOf>,
  name: string,
): Promise<Draft> {
  const device = await signerFor(context, keys, 'device');
  const unsigned = buildLink({
    rid: context.random.bytes(16),
    issuer,
    devicePublicKey: device.publicKey,
    capabilities: CAPABILITIES,
    name,
    issuedAt: context.clock.now(),
    note: RECOVERED_NOTE,
  });
  return { ...unsigned, device_signature: toHex(await device.sign(signedBytes(unsigned))) };
}

type Lost = ReturnType<typeof foldDevices>['devices'][number];

/** The device of the home that is given up: what --lost names, else what is known of it below the recovery at `at`. */
function lostDevice(
  survey: Survey,
  { prefix, sources }: Found,
  named: string | undefined,
  at: number,
): Lost | null {
  const shown = {
    issuer: didKeriOf(prefix),
    events: survey.trunk.events,
    records: sources.flatMap((source) => source.records.flatMap(({ bytes }) => readableRecord(bytes) ?? [])),
    engine: verifyEngine,
  };
  if (named === 'none') return null;
  if (named === undefined) return deviceOfLostHome({ ...shown, at });
  const device = findDevice(foldDevices(shown).devices, named);
  return device.revocation === null ? device : null;
}

/** The lost device's link stays known, in its place, so that what it signed is told to be revoked. */
function withLost(
  survey: Survey,
  reseal: readonly AttestationRecord[],
  at: number,
  lost: Lost | null,
): readonly AttestationRecord[] {
  const link: LinkRecord | null = lost !== null && lost.linkedAt.sequence >= at ? lost.link : null;
  if (link === null || reseal.some((record) => digestOf(record) === digestOf(link))) return reseal;
  const order = new Map(survey.seals.map(({ digest }, index) => [digest, index]));
  const place = (record: AttestationRecord): number => order.get(digestOf(record)) ?? 0;
  return [...reseal, link].toSorted((a, b) => place(a) - place(b));
}

async function settle(
  context: Context,
  stores: Stores,
  recovered: Recovered,
  git: RecoverWish['git'],
): Promise<void> {
  const did = didKeriOf(recovered.prefix);
  const { publicKey } = await signerFor(context, await openKeys(context), 'device');
  await writeDevicePub(context.home, publicKey, recovered.name);
  await writeAllowedSigners(stores.home, did);
  if (git !== 'none') await noteGit(context, git);
  await writeIdentityDocument(stores.home, {
    version: 1,
    controller_did: did,
    role: 'controller',
    created_at: formatTime(context.clock.now()),
  });
}
