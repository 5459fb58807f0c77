/**
 * The identity's side of two files: the same grant as a pairing makes, with the same journal and allow-list, once a person
 * has compared the fingerprint; then the answer for the device.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import type { LinkRecord } from '../attestation/attestation.ts';
import { digestOf, signedBytes, withSignatures } from '../attestation/sign.ts';
import { REQUEST_LABELS } from '../crypto/domains.ts';
import { x25519, x25519PublicKey } from '../crypto/x25519.ts';
import { toBase64url } from '../encoding/base64url.ts';
import { concat, toHex, wipe } from '../encoding/bytes.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import { lv } from '../encoding/framing.ts';
import { parseTime } from '../encoding/time.ts';
import { AuthsError, hasCode } from '../errors.ts';
import { parseSessionId, type DidKey } from '../identifiers.ts';
import { deviceId } from '../pairing/sas.ts';
import { channelPsk } from '../pairing/transcript.ts';
import { makeAnswer } from './device-answer.ts';
import { parseRequest, requestFingerprint, type DeviceRequest } from './device-request.ts';
import { anchorAgreed, takenBack, timeText, type HostPorts } from './finish-pairings.ts';
import {
  requireAuthority,
  requireNotRevoked,
  requireStillAuthority,
  sealedRecords,
} from './host-authority.ts';
import type { PairingJournal } from './pairing-ports.ts';
import { identityInForce, readOwnLog } from './seal-records.ts';
import { sealsOf } from './seals.ts';

/** Without a network the device does not know that it was revoked, until a file tells it. */
const ASKED_AGAIN =
  'it comes back with a new key: auths id export --output me.auths here, then auths devices request NEW --identity me.auths there';

export interface AskedDevice {
  readonly link: DeviceRequest['link'];
  readonly fingerprint: string;
}

export interface AcceptOptions {
  readonly expectDevice?: DidKey;
  /** The most that is granted; absent: whatever `admit` lets pass. */
  readonly capabilities?: readonly string[];
}

export interface AcceptedRequest {
  readonly link: LinkRecord;
  /** The file for the device. */
  readonly answer: Uint8Array;
  /** The log held this very grant before: nobody was asked, nothing was added. */
  readonly already: boolean;
}

/**
 * Judges a request, asks `admit`, grants and answers. What `parseRequest` rejects with, `pairing/did-mismatch` for a
 * request to another identity, `pairing/forbidden` for a device that was revoked or is given up meanwhile,
 * `device-not-expected`, `session-expired` when its own expiry is over, and whatever `admit` rejects with: then nothing was granted.
 */
export async function acceptRequest(
  ports: HostPorts,
  file: Uint8Array,
  options: AcceptOptions,
  admit: (asked: AskedDevice) => Promise<void>,
): Promise<AcceptedRequest> {
  const { host, engine, clock } = ports;
  const request = parseRequest(file, engine, clock.now());
  await requireAuthority(ports);
  const did = encodeDidKey(request.signingKey);
  if (request.link.issuer !== host.controllerDid) {
    throw new AuthsError(
      'pairing/did-mismatch',
      `this request is for ${request.link.issuer}, not for ${host.controllerDid}`,
      {
        hint: `make a new one on the device: auths devices request FILE --identity ${host.controllerDid}`,
      },
    );
  }
  if (options.expectDevice !== undefined && options.expectDevice !== did) {
    throw new AuthsError(
      'pairing/device-not-expected',
      `${did} asks, which is not the device expected here`,
      {
        details: { device_did: did, expected: options.expectDevice },
      },
    );
  }
  const already = await isSealed(ports, request);
  await requireNotRevoked(ports, did, ASKED_AGAIN);
  if (!already) {
    requireGrantable(request, options, clock.now());
    await admit({ link: request.link, fingerprint: requestFingerprint(file) });
    // A person was asked meanwhile, and another process may have rotated, or revoked either device.
    await requireStillAuthority(ports, 'auths devices accept');
    await requireNotRevoked(ports, did, ASKED_AGAIN);
    const identity = await host.identity.sign(signedBytes(request.link));
    const link = withSignatures(request.link, { identity, device: request.deviceSignature });
    await grant(ports, request, link);
  }
  const { log, verdict } = await readOwnLog({ log: host.log, engine }, host.controllerDid);
  const records = await sealedRecords(ports, log);
  const link = records.find((record) => digestOf(record) === digestOf(request.link));
  if (!sealsOf(verdict.events).has(digestOf(request.link))) throw takenBack(request.link.name);
  if (link?.type !== 'link') {
    throw new AuthsError(
      'attestation/invalid',
      `the log lets ${request.link.name} in, and its record is lost`,
      {
        hint: 'auths doctor --fix',
      },
    );
  }
  const answer = await makeAnswer(await identityInForce(host, verdict), {
    controllerDid: host.controllerDid,
    requestHash: request.hash,
    hostStatic: x25519PublicKey(host.channelSecret),
    hostDeviceDid: encodeDidKey(host.device.publicKey),
    stream: log.stream,
    records,
  });
  return { link, answer, already };
}

/** The device has signed what it asks for, so that is granted as a whole or not at all. */
function requireGrantable({ link }: DeviceRequest, options: AcceptOptions, now: number): void {
  const { capabilities: most } = options;
  const more = most === undefined ? [] : link.capabilities.filter((name) => !most.includes(name));
  if (more.length > 0) {
    throw new AuthsError('pairing/forbidden', `this request asks for ${more.join(', ')} too`, {
      hint: `if it shall have that: auths devices accept FILE --capabilities ${link.capabilities.join(',')}`,
    });
  }
  if (link.expires_at !== undefined && parseTime(link.expires_at) <= now) {
    throw new AuthsError(
      'pairing/session-expired',
      `this request asks for a place until ${link.expires_at}`,
      {
        hint: 'make a new one on the device: auths devices request FILE',
      },
    );
  }
}

/** The token of the channel between both: each side makes it of its own channel secret and the other's public one. */
export function requestToken(
  channelSecret: Uint8Array,
  otherPublic: Uint8Array,
  hash: Uint8Array,
): Uint8Array {
  const shared = x25519(channelSecret, otherPublic);
  try {
    return sha256(concat(lv(REQUEST_LABELS.token, hash), shared));
  } finally {
    wipe(shared);
  }
}

/** Another command may accept the same request at the same time, and end it between two steps of this one: one grant, two answers. */
async function grant(ports: HostPorts, request: DeviceRequest, link: LinkRecord): Promise<void> {
  try {
    await anchorAgreed(ports, await begin(ports, request, link));
  } catch (error) {
    if (!hasCode(error, 'pairing/session-expired') || !(await isSealed(ports, request))) throw error;
  }
}

async function isSealed({ host, engine }: HostPorts, { link }: DeviceRequest): Promise<boolean> {
  const { verdict } = await readOwnLog({ log: host.log, engine }, host.controllerDid);
  return sealsOf(verdict.events).has(digestOf(link));
}

/** Allow-list and journal as a pairing writes them. */
async function begin(ports: HostPorts, request: DeviceRequest, link: LinkRecord): Promise<PairingJournal> {
  const { host, clock } = ports;
  const did = encodeDidKey(request.signingKey);
  const hostStatic = x25519PublicKey(host.channelSecret);
  const token = requestToken(host.channelSecret, request.static, request.hash);
  const id = toHex(deviceId({ signingKey: request.signingKey, static: request.static, did }));
  const createdAt = timeText(clock.now());
  const journal: PairingJournal = {
    v: 1,
    session_id: parseSessionId(toHex(request.hash.subarray(0, 16))),
    device_id: id,
    created_at: createdAt,
    acknowledged: false,
    link,
  };
  await host.devices.begin(
    {
      device_id: id,
      device_did: did,
      name: link.name,
      static: toBase64url(request.static),
      psk: toBase64url(channelPsk(token, hostStatic, request.static)),
      status: 'provisional',
      created_at: createdAt,
      rid: link.rid,
    },
    journal,
  );
  wipe(token);
  // Nobody has to say that it arrived: from here on the next command finishes what this one began.
  await host.devices.acknowledge(journal.session_id);
  return { ...journal, acknowledged: true };
}
