import { describe, expect, it } from 'vitest';
import * as domains from '../../src/crypto/domains.ts';

/** Text with one character per byte, so that the framing can be read. */
const shown = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const key = (letter: string) => Uint8Array.from(Buffer.from(letter.repeat(32)));
const lv32 = (letter: string) => `\0\0\0\x20${letter.repeat(32)}`;

describe('domain separation', () => {
  it('the bytes of every signed and hashed input', () => {
    expect(shown(domains.attestationBytes('{}'))).toBe('\0\0\0\x13auths-attestation/1\0\0\0\x02{}');
    expect(shown(domains.sshsigSignedBytes('git', 'sha512', key('h')))).toBe(
      `SSHSIG\0\0\0\x03git\0\0\0\0\0\0\0\x06sha512${lv32('h')}`,
    );
    expect(shown(domains.bindingMessage('Z438JR', key('h'), key('d')))).toBe(
      `Z438JR${'h'.repeat(32)}${'d'.repeat(32)}`,
    );
    expect(shown(domains.deviceProofMessage(key('c'), key('s'), 'did:key:z'))).toBe(
      `\0\0\0\x19auths-pair/1 device-proof${lv32('c')}${lv32('s')}\0\0\0\x09did:key:z`,
    );
    expect(shown(domains.hostProofMessage(key('c'), key('s'), 'did:keri:E', ['a', 'b']))).toBe(
      `\0\0\0\x17auths-pair/1 host-proof${lv32('c')}${lv32('s')}\0\0\0\x0adid:keri:E\0\0\0\x03a,b`,
    );
    expect(shown(domains.hostDeviceProofMessage(key('c'), key('s')))).toBe(
      `\0\0\0\x18auths-pair/1 host-device${lv32('c')}${lv32('s')}`,
    );
    expect(shown(domains.createSessionMessage('https://r', key('b')))).toBe(
      `\0\0\0\x13auths-pair/1 create\0\0\0\x09https://r${lv32('b')}`,
    );
    expect(shown(domains.envelopeAad(key('i').slice(0, 16), 1, 258))).toBe(
      `\0\0\0\x10auths-pair/1 env\0\0\0\x10${'i'.repeat(16)}\x01\0\0\0\0\0\0\x01\x02`,
    );
  });

  it('the labels, each for one purpose', () => {
    expect({
      attestation: domains.ATTESTATION_LABEL,
      recovery: domains.RECOVERY_LABEL,
      keys: domains.KEYS_LABEL,
      machine: domains.MACHINE_LABEL,
      git: domains.GIT_NAMESPACE,
      artifact: domains.ARTIFACT_NAMESPACE,
      pair: domains.PAIR_LABELS,
      ratchet: domains.RATCHET_LABELS,
      channel: domains.CHANNEL_LABELS,
    }).toEqual({
      attestation: 'auths-attestation/1',
      recovery: 'auths-recovery/1',
      keys: 'auths-keys/1',
      machine: 'auths-machine/1',
      git: 'git',
      artifact: 'auths-artifact',
      pair: {
        password: 'auths-pair/1 w',
        claim: 'auths-pair/1 claim',
        offer: 'auths-pair/1 offer',
        commit: 'auths-pair/1 commit',
        join: 'auths-pair/1 join',
        joiner: 'auths-pair/1 joiner',
        host: 'auths-pair/1 host',
        suite: 'auths-pair/1;SPAKE2-P256-SHA256-HKDF-HMAC;Noise_XXpsk3_25519_ChaChaPoly_SHA256',
        salt: 'auths-pair/1 salt',
        key: 'auths-pair/1 ',
        envelope: 'auths-pair/1 env',
        deviceProof: 'auths-pair/1 device-proof',
        hostProof: 'auths-pair/1 host-proof',
        hostDevice: 'auths-pair/1 host-device',
        deviceId: 'auths-pair/1 device-id',
        hostId: 'auths-pair/1 host-id',
        sas: 'auths-pair/1 sas',
        noise: 'auths-pair/1 noise',
        ratchetRoot: 'auths-pair/1 dr-root',
        create: 'auths-pair/1 create',
      },
      ratchet: { rootKey: 'auths-dr/1 rk', messageKey: 'auths-dr/1 mk' },
      channel: { prologue: 'auths-chan/1', psk: 'auths-chan/1 psk' },
    });
    const labels = [
      domains.ATTESTATION_LABEL,
      domains.RECOVERY_LABEL,
      domains.KEYS_LABEL,
      domains.MACHINE_LABEL,
      ...Object.values(domains.PAIR_LABELS),
      ...Object.values(domains.RATCHET_LABELS),
      ...Object.values(domains.CHANNEL_LABELS),
    ];
    expect(new Set(labels).size).toBe(labels.length);
  });

  it('B17 no signed input can be read as another kind', () => {
    // Signed inputs either start with a length (zero bytes), with SSHSIG, or with a code or secret: letters
    // that cannot spell SSHSIG followed by a length, because no code letter is a byte below 0x20.
    const signed = [
      domains.attestationBytes('{}'),
      domains.deviceProofMessage(key('c'), key('s'), 'd'),
      domains.hostProofMessage(key('c'), key('s'), 'd', []),
      domains.hostDeviceProofMessage(key('c'), key('s')),
      domains.createSessionMessage('https://r', key('b')),
    ];
    const heads = signed.map((bytes) => {
      const length = new DataView(bytes.buffer).getUint32(0);
      return shown(bytes.subarray(4, 4 + length));
    });
    expect(new Set(heads).size).toBe(signed.length);
    for (const bytes of signed) expect(bytes[0]).toBe(0);
    const ssh = domains.sshsigSignedBytes(domains.GIT_NAMESPACE, 'sha512', key('h'));
    expect([shown(ssh.subarray(0, 6)), ssh[6]]).toEqual(['SSHSIG', 0]);
    for (const code of [
      'Z438JR',
      'A1B2C3D4',
      'K7QM3FBR9TZX',
      'AAECAwQFBgcICQoLDA0ODw',
      'SSHSIGSSHSIGSSHSIGSSHS',
    ]) {
      const bytes = domains.bindingMessage(code, key('h'), key('d'));
      // The only secrets that can spell SSHSIG are the 22 letters of a link; what follows is then no length.
      if (shown(bytes.subarray(0, 6)) === 'SSHSIG') expect(bytes[6]).toBeGreaterThanOrEqual(0x2d);
      expect(bytes[0]).not.toBe(0);
    }
  });
});
