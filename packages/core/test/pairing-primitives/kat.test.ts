import { createHash, scryptSync } from 'node:crypto';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { publicKeyOf, signEd25519, verifyEd25519, pureVerifyEngine } from '../../src/crypto/ed25519.ts';
import { deriveKx } from '../../src/crypto/kx.ts';
import { createNoise } from '../../src/crypto/noise.ts';
import {
  ratchetDecrypt,
  ratchetEncrypt,
  startAsAlice,
  startAsBob,
  type RatchetState,
} from '../../src/crypto/ratchet.ts';
import { encryptEnvelope } from '../../src/crypto/seal.ts';
import {
  spake2Finish,
  spake2Secret,
  spake2Share,
  spake2Transcript,
  type Spake2Input,
} from '../../src/crypto/spake2.ts';
import { x25519PublicKey } from '../../src/crypto/x25519.ts';
import { encodeDidKey } from '../../src/encoding/did-key.ts';
import { parseDidKeri, parseSessionId } from '../../src/identifiers.ts';
import { nameplateKind, parseCode, secretText, type SlotKind } from '../../src/pairing/code.ts';
import { encodeJoin, encodeOffer, hostCommit, hostPartyId, joinerId } from '../../src/pairing/offer.ts';
import { computeSas, deviceId, hostId, sasMac } from '../../src/pairing/sas.ts';
import {
  bindingMessage,
  deriveKeys,
  deriveMasterKey,
  deriveSalt,
  deriveW,
  deviceProofMessage,
  hostProofMessage,
  noisePrologue,
  PAIRING_AAD,
  ratchetRoot,
  type Scrypt,
} from '../../src/pairing/transcript.ts';
import { codeOf, hex, load, toHex } from '../crypto/vectors.ts';

interface DrRow {
  readonly from: 'joiner' | 'host';
  readonly plaintext: string;
  readonly header: string;
  readonly ciphertext: string;
}
interface Input {
  readonly name: string;
  readonly kind: SlotKind;
  readonly code: string;
  readonly attempt: number;
  readonly expires_at: number;
  readonly controller_did: string;
  readonly device_did: string;
  readonly capabilities: readonly string[];
  readonly dr_privs_hex: readonly string[];
  readonly [
    field:
      | `${string}_priv_hex`
      | `${string}_nonce_hex`
      | `${string}_seed_hex`
      | `${string}_e_hex`
      | `spake_${string}_hex`
      | `session_${string}_hex`
  ]: string;
}
interface Row {
  readonly input: Input;
  readonly expected: Readonly<Record<string, string>> & { readonly dr: readonly DrRow[] };
}

const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'ascii'));
const nodeScrypt: Scrypt = (password, salt, { N, r, p, dkLen }) =>
  Uint8Array.from(scryptSync(password, salt, dkLen, { N, r, p, maxmem: 2 ** 26 }));
const scalarHex = (value: bigint) => value.toString(16).padStart(64, '0');

/** One run of the protocol with every random value given: each name is a name of the known answers. */
async function run(input: Input, drRows: readonly DrRow[]): Promise<Record<string, unknown>> {
  const bytes = (name: string) => hex((input as unknown as Record<string, string>)[`${name}_hex`] ?? '');
  const sessionId = parseSessionId(input.session_id_hex as string);
  const nameplate = input.kind === 'qr' || input.kind === 'link' ? '' : parseCode(input.code).nameplate;
  const x25519 = {
    host: x25519PublicKey(bytes('host_x25519_priv')),
    device: x25519PublicKey(bytes('device_x25519_priv')),
  };
  const statics = {
    host: x25519PublicKey(bytes('host_static_priv')),
    device: x25519PublicKey(bytes('device_static_priv')),
  };
  const signing = {
    host: publicKeyOf(bytes('host_signing_seed')),
    device: publicKeyOf(bytes('device_signing_seed')),
  };
  const hostDr = bytes('host_dr_priv');

  const commit = hostCommit({
    sessionId,
    hostNonce: bytes('host_nonce'),
    hostStatic: statics.host,
    controllerDid: input.controller_did,
    hostSigningKey: signing.host,
  });
  const offer = encodeOffer({
    sessionId,
    kind: input.kind,
    attempt: input.attempt,
    nameplate,
    hostX25519: x25519.host,
    hostCommit: commit,
    expiresAt: input.expires_at,
  });
  const join = encodeJoin(x25519.device, bytes('device_nonce'));
  const [idA, idB] = [joinerId(join), hostPartyId(offer)];

  const w = await deriveW(input.code, sessionId);
  expect(await deriveW(input.code, sessionId, nodeScrypt)).toBe(w);
  const [x, y] = [BigInt(`0x${input.spake_x_hex}`), BigInt(`0x${input.spake_y_hex}`)];
  const [pA, pB] = [spake2Share('joiner', w, x), spake2Share('host', w, y)];
  const common = { w, idA, idB, aad: PAIRING_AAD };
  const joiner: Spake2Input = { ...common, role: 'joiner', scalar: x, ownShare: pA, peerShare: pB };
  const host: Spake2Input = { ...common, role: 'host', scalar: y, ownShare: pB, peerShare: pA };
  const K = spake2Secret(joiner);
  const pake = spake2Finish(joiner);
  expect(spake2Finish(host)).toEqual(pake);

  const publics = { devicePublic: x25519.device, hostPublic: x25519.host };
  const kx = deriveKx({ role: 'client', secret: bytes('device_x25519_priv'), ...publics });
  expect(deriveKx({ role: 'server', secret: bytes('host_x25519_priv'), ...publics })).toEqual(kx);
  const keyInput = { Ke: pake.Ke, ...kx, idA, idB, pA, pB };
  const keys = deriveKeys(keyInput);

  const binding = bindingMessage(input.code, x25519.host, x25519.device);
  const deviceProof = deviceProofMessage(keys.chanId, statics.device, input.device_did);
  const hostProof = hostProofMessage(keys.chanId, statics.host, input.controller_did, input.capabilities);
  const signatures = {
    binding: signEd25519(bytes('device_signing_seed'), binding),
    device: signEd25519(bytes('device_signing_seed'), deviceProof),
    host: signEd25519(bytes('host_signing_seed'), hostProof),
  };
  expect(verifyEd25519(pureVerifyEngine, signing.device, binding, signatures.binding)).toBe(true);
  expect(verifyEd25519(pureVerifyEngine, signing.device, deviceProof, signatures.device)).toBe(true);
  expect(verifyEd25519(pureVerifyEngine, signing.host, hostProof, signatures.host)).toBe(true);

  const device = deviceId({ signingKey: signing.device, static: statics.device, did: input.device_did });
  const hostIdentity = hostId({ signingKey: signing.host, static: statics.host, did: input.controller_did });
  const sas = {
    key: keys.sas,
    deviceNonce: bytes('device_nonce'),
    hostNonce: bytes('host_nonce'),
    deviceId: device,
    hostId: hostIdentity,
  };

  const prologue = noisePrologue(keys.chanId);
  const noise = (initiator: boolean, secret: string, ephemeral: string) =>
    createNoise({
      pattern: 'XXpsk3',
      initiator,
      prologue,
      static: bytes(secret),
      ephemeral: bytes(ephemeral),
      psk: keys.noisePsk,
    });
  const initiator = noise(true, 'device_static_priv', 'noise_device_e');
  const responder = noise(false, 'host_static_priv', 'noise_host_e');
  const message1 = initiator.write();
  responder.read(message1);
  const message2 = responder.write(x25519PublicKey(hostDr));
  const hostRatchet = initiator.read(message2);
  const message3 = initiator.write();
  responder.read(message3);
  expect(toHex(initiator.remoteStatic ?? hex(''))).toBe(toHex(statics.host));
  expect(toHex(responder.remoteStatic ?? hex(''))).toBe(toHex(statics.device));
  const { k1, k2 } = initiator.split();
  expect(responder.split()).toEqual({ k1, k2 });
  const root = ratchetRoot(k1, k2, initiator.hash);

  return {
    host_x25519_pub: toHex(x25519.host),
    device_x25519_pub: toHex(x25519.device),
    host_static_pub: toHex(statics.host),
    device_static_pub: toHex(statics.device),
    host_signing_pub: toHex(signing.host),
    device_signing_pub: toHex(signing.device),
    host_dr_pub: toHex(x25519PublicKey(hostDr)),
    host_commit: toHex(commit),
    offer_bytes: toHex(offer),
    join_bytes: toHex(join),
    idA: toHex(idA),
    idB: toHex(idB),
    w: scalarHex(w),
    pA: toHex(pA),
    pB: toHex(pB),
    K: toHex(K),
    TT: toHex(spake2Transcript(joiner, K)),
    Ke: toHex(pake.Ke),
    Ka: toHex(pake.Ka),
    KcA: toHex(pake.KcA),
    KcB: toHex(pake.KcB),
    cA: toHex(pake.confirmA),
    cB: toHex(pake.confirmB),
    kx_c2s: toHex(kx.c2s),
    kx_s2c: toHex(kx.s2c),
    salt: toHex(deriveSalt(keyInput)),
    prk: toHex(deriveMasterKey(keyInput)),
    env_j2h: toHex(keys.envJ2h),
    env_h2j: toHex(keys.envH2j),
    noise_psk: toHex(keys.noisePsk),
    k_sas: toHex(keys.sas),
    chan_id: toHex(keys.chanId),
    binding_message: toHex(binding),
    binding_signature: toHex(signatures.binding),
    device_proof_message: toHex(deviceProof),
    device_proof: toHex(signatures.device),
    host_proof_message: toHex(hostProof),
    host_proof: toHex(signatures.host),
    device_id_hash: toHex(device),
    host_id_hash: toHex(hostIdentity),
    sas_mac: toHex(sasMac(sas)),
    noise_prologue: toHex(prologue),
    noise_msg1: toHex(message1),
    noise_msg2: toHex(message2),
    noise_msg3: toHex(message3),
    noise_h: toHex(initiator.hash),
    noise_k1: toHex(k1),
    noise_k2: toHex(k2),
    dr_root: toHex(root),
    env_j2h_0_of_p2: toHex(
      encryptEnvelope(keys.envJ2h, { sessionId, direction: 'j2h', seq: 0 }, ascii('p2')),
    ),
    env_h2j_0_of_p3: toHex(
      encryptEnvelope(keys.envH2j, { sessionId, direction: 'h2j', seq: 0 }, ascii('p3')),
    ),
    nameplate,
    sas: computeSas(sas),
    dr: talk(input, drRows, root, keys.chanId, hostRatchet),
  };
}

/** The five ratchet messages; a recipient reads the later of two that came together first. */
function talk(
  input: Input,
  rows: readonly DrRow[],
  root: Uint8Array,
  chanId: Uint8Array,
  hostRatchet: Uint8Array,
): DrRow[] {
  const privs = input.dr_privs_hex.map(hex);
  const fresh = () => {
    const secret = privs.shift();
    if (secret === undefined) throw new Error('more ratchet keys drawn than the known answer has');
    return secret;
  };
  const states: Record<'joiner' | 'host', RatchetState> = {
    joiner: startAsAlice(root, chanId, hostRatchet, fresh()),
    host: startAsBob(root, chanId, hex(input.host_dr_priv_hex as string)),
  };
  const out: DrRow[] = [];
  let at = 0;
  while (at < rows.length) {
    const from = (rows[at] as DrRow).from;
    const to = from === 'joiner' ? 'host' : 'joiner';
    const group = [];
    for (; rows[at]?.from === from; at++) {
      const plaintext = (rows[at] as DrRow).plaintext;
      const message = ratchetEncrypt(states[from], hex(plaintext));
      states[from] = message.state;
      group.push({ message, plaintext });
      out.push({ from, plaintext, header: toHex(message.header), ciphertext: toHex(message.ciphertext) });
    }
    for (const { message, plaintext } of group.toReversed()) {
      const received = ratchetDecrypt(states[to], message, fresh);
      states[to] = received.state;
      expect(toHex(received.plaintext)).toBe(plaintext);
    }
  }
  return out;
}

describe('auths-pair-1-kat.json', () => {
  const { vectors } = load<Row>('auths-pair-1-kat.json');
  const fields = (expected: Row['expected']) => Object.keys(expected).length - 1 + expected.dr.length;

  it.each(vectors)('$input.name: every intermediate value by name', async ({ input, expected }) => {
    const actual = await run(input, expected.dr);
    expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
    for (const name of Object.keys(expected)) {
      expect({ name, value: actual[name] }).toEqual({ name, value: expected[name] });
    }
  });

  it('counts what was compared', () => {
    const total = vectors.reduce((sum, { expected }) => sum + fields(expected), 0);
    process.stdout.write(
      `auths-pair-1-kat: ${vectors.length} runs, ${total} values, ratchet messages counted as one each` +
        '\n',
    );
    expect([vectors.length, total]).toEqual([4, 232]);
  });

  it('holds identifiers that the byte functions take as text and the parser goes on refusing', () => {
    for (const { input } of vectors) {
      expect(codeOf(() => parseDidKeri(input.controller_did))).toBe('input/malformed');
      expect(input.device_did).toBe(encodeDidKey(publicKeyOf(hex(input.device_signing_seed_hex as string))));
    }
  });

  it('gives another SAS for any change of any input', () => {
    const { input } = vectors[0] as Row;
    const base = {
      key: hex('01'.repeat(32)),
      deviceNonce: hex(input.device_nonce_hex as string),
      hostNonce: hex(input.host_nonce_hex as string),
      deviceId: hex('02'.repeat(32)),
      hostId: hex('03'.repeat(32)),
    };
    const seen = new Set([computeSas(base)]);
    for (const name of Object.keys(base) as (keyof typeof base)[]) {
      const changed = Uint8Array.from(base[name]);
      changed[31] = (changed[31] as number) ^ 1;
      seen.add(computeSas({ ...base, [name]: changed }));
    }
    expect(seen.size).toBe(6);
    // The formula once more, by other means.
    const label = Buffer.concat([Buffer.from('0000001061757468732d706169722f3120736173', 'hex')]);
    expect(toHex(sasMac(base))).toBe(
      toHex(
        hmac(
          sha256,
          base.key,
          Uint8Array.from(
            Buffer.concat([label, base.deviceNonce, base.hostNonce, base.deviceId, base.hostId]),
          ),
        ),
      ),
    );
  });
});

describe('kdf.json', () => {
  it('the scrypt and HKDF that are used give the RFC values', async () => {
    const { hkdf } = await import('@noble/hashes/hkdf.js');
    const { scrypt } = await import('@noble/hashes/scrypt.js');
    type KdfRow =
      | {
          readonly kdf: 'hkdf-sha256';
          readonly ikm: string;
          readonly salt: string;
          readonly info: string;
          readonly L: number;
          readonly okm: string;
        }
      | {
          readonly kdf: 'scrypt';
          readonly P: string;
          readonly S: string;
          readonly N: number;
          readonly r: number;
          readonly p: number;
          readonly dkLen: number;
          readonly out: string;
        };
    const { vectors } = load<KdfRow>('kdf.json');
    expect(vectors.length).toBe(2);
    for (const row of vectors) {
      if (row.kdf === 'scrypt') {
        expect(toHex(scrypt(ascii(row.P), ascii(row.S), row))).toBe(row.out);
        expect(toHex(await nodeScrypt(ascii(row.P), ascii(row.S), row))).toBe(row.out);
      } else expect(toHex(hkdf(sha256, hex(row.ikm), hex(row.salt), hex(row.info), row.L))).toBe(row.okm);
    }
  });
});

const zero: Scrypt = (_password, _salt, { dkLen }) => new Uint8Array(dkLen);

describe('w', () => {
  const session = parseSessionId('00112233445566778899aabbccddeeff');

  it('depends on the code and on the session', async () => {
    const w = await deriveW('Z438JR', session);
    expect(await deriveW('Z438JS', session)).not.toBe(w);
    expect(await deriveW('Z438JR', parseSessionId('00112233445566778899aabbccddeefe'))).not.toBe(w);
    const out = scryptSync(
      'Z438JR',
      Buffer.concat([Buffer.from('auths-pair/1 w'), Buffer.from(session, 'hex')]),
      64,
      {
        N: 2 ** 14,
        r: 8,
        p: 1,
        maxmem: 2 ** 26,
      },
    );
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    expect(w).toBe(BigInt(`0x${out.toString('hex')}`) % n);
  });

  it('that is zero aborts', async () => {
    await expect(deriveW('Z438JR', session, zero)).rejects.toMatchObject({ code: 'pairing/pake-failed' });
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const order: Scrypt = () => hex(n.toString(16).padStart(128, '0'));
    await expect(deriveW('Z438JR', session, order)).rejects.toMatchObject({ code: 'pairing/pake-failed' });
  });
});

describe('the offer', () => {
  const offer = {
    sessionId: parseSessionId('00112233445566778899aabbccddeeff'),
    kind: 'pin8' as SlotKind,
    attempt: 0,
    nameplate: 'A1B',
    hostX25519: new Uint8Array(32).fill(1),
    hostCommit: new Uint8Array(32).fill(2),
    expiresAt: 1_790_000_300,
  };

  it('names the host differently for any change of any field', () => {
    const ids = [
      offer,
      { ...offer, sessionId: parseSessionId('00112233445566778899aabbccddeefe') },
      { ...offer, kind: 'code12' as SlotKind },
      { ...offer, attempt: 1 },
      { ...offer, nameplate: 'A1C' },
      { ...offer, nameplate: '' },
      { ...offer, hostX25519: new Uint8Array(32).fill(3) },
      { ...offer, hostCommit: new Uint8Array(32).fill(3) },
      { ...offer, expiresAt: 1_790_000_301 },
    ].map((change) => toHex(hostPartyId(encodeOffer(change))));
    expect(new Set(ids).size).toBe(9);
    const head = Buffer.from('auths-pair/1 host');
    expect(ids[0]).toBe(
      Buffer.concat([head, createHash('sha256').update(encodeOffer(offer)).digest()]).toString('hex'),
    );
  });

  it('takes no field of another length', () => {
    expect(codeOf(() => encodeOffer({ ...offer, hostX25519: new Uint8Array(31) }))).toBe('internal/bug');
    expect(codeOf(() => encodeOffer({ ...offer, hostCommit: new Uint8Array(33) }))).toBe('internal/bug');
    expect(codeOf(() => encodeJoin(new Uint8Array(32), new Uint8Array(16)))).toBe('internal/bug');
    expect(codeOf(() => secretText(new Uint8Array(15)))).toBe('internal/bug');
    expect(nameplateKind(offer.nameplate)).toBe('pin8');
  });
});
