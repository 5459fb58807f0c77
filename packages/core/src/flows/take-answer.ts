/** The device's side of two files: it asks, and takes in what the identity answered, as at the end of a pairing. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { LinkRecord } from '../attestation/attestation.ts';
import { buildLink, digestOf } from '../attestation/sign.ts';
import { x25519PublicKey } from '../crypto/x25519.ts';
import { toBase64url } from '../encoding/base64url.ts';
import { equalBytes, toHex, wipe } from '../encoding/bytes.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import { AuthsError } from '../errors.ts';
import type { DidKey, DidKeri } from '../identifiers.ts';
import { deviceId } from '../pairing/sas.ts';
import { requestToken } from './accept-request.ts';
import { parseAnswer } from './device-answer.ts';
import { makeRequest, parseRequest, requestFingerprint } from './device-request.ts';
import {
  judgeAnchored,
  readStanding,
  requireKnownHost,
  storePending,
  type StoringContext,
} from './join-store.ts';
import type { JoinerHome, PairingWorld } from './pairing-ports.ts';
import { learnShown, type ShownIdentity } from './shown-identity.ts';

export interface RequestPorts extends PairingWorld {
  readonly home: JoinerHome;
}

export interface RequestWish {
  readonly controllerDid: DidKeri;
  readonly name: string;
  readonly capabilities: readonly string[];
  /** How long the link shall hold; for ever when absent. */
  readonly expiresInMs?: number;
}

export interface MadeRequest {
  readonly file: Uint8Array;
  readonly fingerprint: string;
  readonly deviceDid: DidKey;
}

/**
 * Makes the request of this home, with a new key when the old one is revoked by what the home knows or is `shown`. A home
 * of another identity, or a controller's, is `pairing/conflict`; a device that is paired, `already-used`.
 */
export async function requestDevice(
  ports: RequestPorts,
  wish: RequestWish,
  shown: ShownIdentity | null = null,
): Promise<MadeRequest> {
  const { home, random, clock } = ports;
  const isRevoked = shown !== null && (await learnShown(ports, shown));
  const standing = await readStanding(ports);
  if (standing.role === 'controller' || ![null, wish.controllerDid].includes(standing.controllerDid)) {
    throw new AuthsError('pairing/conflict', `this home belongs to ${standing.controllerDid}`, {
      hint: 'use another home for that: AUTHS_HOME=/path/to/home auths devices request FILE …',
    });
  }
  if (standing.state === 'active') {
    throw new AuthsError('pairing/already-used', 'this device belongs to that identity already', {
      hint: 'auths whoami; if it was revoked since: auths id export --output me.auths where the identity is, then here auths devices request FILE --identity me.auths',
    });
  }
  const device = await home.deviceKey({ renew: isRevoked || standing.state === 'revoked' });
  const secret = await home.channelSecret();
  const issuedAt = clock.now();
  const link = buildLink({
    rid: random.bytes(16),
    issuer: wish.controllerDid,
    devicePublicKey: device.publicKey,
    capabilities: wish.capabilities,
    name: wish.name,
    issuedAt,
    ...(wish.expiresInMs === undefined ? {} : { expiresAt: issuedAt + wish.expiresInMs }),
  });
  const file = await makeRequest(device, x25519PublicKey(secret), link);
  wipe(secret);
  return { file, fingerprint: requestFingerprint(file), deviceDid: encodeDidKey(device.publicKey) };
}

/**
 * Takes an answer to `request`, this home's own. `input/malformed`, `pairing/did-mismatch` when another identity or
 * another request is answered, `host-identity-invalid` when the log contradicts the one known here or does not make
 * this device one of its own, `device/revoked` when it was revoked by what the home knows. Durable when it resolves; taken twice it changes nothing.
 */
export async function takeAnswer(
  ports: RequestPorts,
  request: Uint8Array,
  bytes: Uint8Array,
): Promise<LinkRecord> {
  const { home, engine, clock } = ports;
  const answer = parseAnswer(bytes, engine);
  const asked = parseRequest(request, engine, null);
  if (!equalBytes(answer.requestHash, sha256(request))) {
    throw new AuthsError(
      'pairing/did-mismatch',
      'this answers another request than the last one of this device',
      {
        hint: 'take the answer to that one, or make a new request: auths devices request FILE',
      },
    );
  }
  if (answer.controllerDid !== asked.link.issuer) {
    throw new AuthsError(
      'pairing/did-mismatch',
      `${answer.controllerDid} answers, and ${asked.link.issuer} was asked`,
    );
  }
  const device = await home.deviceKey({ renew: false });
  const deviceDid = encodeDidKey(device.publicKey);
  const link = answer.records.find((record) => digestOf(record) === digestOf(asked.link));
  if (link?.type !== 'link' || deviceDid !== asked.link.subject) {
    throw new AuthsError(
      'pairing/attestation-invalid',
      'the answer does not hold the link that this device has signed',
    );
  }
  const context: StoringContext = { home, engine, clock, deviceDid, standing: await readStanding(ports) };
  if (context.standing.state === 'revoked') {
    throw new AuthsError(
      'device/revoked',
      'this device was revoked since, and the answer is to its old key',
      {
        hint: `ask with a new key: auths devices request FILE --identity ${answer.controllerDid}`,
        details: { device: deviceDid },
      },
    );
  }
  const host = {
    controllerDid: answer.controllerDid,
    signingKey: answer.signingKey,
    static: answer.hostStatic,
    capabilities: link.capabilities,
    stream: answer.stream,
    kel: answer.kel,
  };
  await requireKnownHost(context, host);
  const store = judgeAnchored(context, host, link, answer.hostDeviceDid, {
    events: '',
    records: answer.records,
  });
  const secret = await home.channelSecret();
  const token = requestToken(secret, answer.hostStatic, asked.hash);
  wipe(secret);
  const id = deviceId({ signingKey: device.publicKey, static: asked.static, did: deviceDid });
  await storePending(context, host, link, {
    host_static: toBase64url(answer.hostStatic),
    host_device_did: answer.hostDeviceDid,
    token: toBase64url(token),
    device_id: toHex(id),
  });
  wipe(token);
  await store();
  return link;
}
