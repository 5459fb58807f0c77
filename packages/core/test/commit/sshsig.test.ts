import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pureDigests } from '../../src/commit/digests.ts';
import {
  armorSshSignature,
  formatSshPublicKey,
  parseSshPublicKey,
  parseSshSignature,
  sshSignedBytes,
  verifySshSignature,
  type SshHash,
} from '../../src/commit/sshsig.ts';
import { pureVerifyEngine, signEd25519 } from '../../src/crypto/ed25519.ts';
import { fromLatin1, latin1, utf8 } from '../../src/encoding/text.ts';
import { paperKey, type PaperKey } from '../../../testing/src/paper-identity.ts';
import { checkWithSshKeygen, fileKey, hasSshKeygen, signWithSshKeygen } from './support.ts';

function sign(key: PaperKey, namespace: string, payload: Uint8Array, hash: SshHash = 'sha512'): Uint8Array {
  const signature = signEd25519(key.seed, sshSignedBytes(pureDigests, namespace, hash, payload));
  return armorSshSignature({ publicKey: key.publicKey, namespace, hash, signature });
}

function isValid(armor: Uint8Array, payload: Uint8Array, namespace = 'git'): boolean {
  const parsed = parseSshSignature(fromLatin1(armor));
  return (
    parsed.kind === 'ok' &&
    verifySshSignature(pureVerifyEngine, pureDigests, parsed.signature, namespace, payload)
  );
}

const wrapped = (text: string, width: number): Uint8Array =>
  latin1(
    `-----BEGIN SSH SIGNATURE-----\n${text.match(new RegExp(`.{1,${width}}`, 'g'))?.join('\n') ?? ''}\n-----END SSH SIGNATURE-----\n`,
  );

const armored = (bytes: Uint8Array): Uint8Array => wrapped(Buffer.from(bytes).toString('base64'), 70);

const armorOf = (by: PaperKey, payload: string): string => fromLatin1(sign(by, 'git', utf8(payload)));

/** Read when this one was the last before it: by the same key, or by another. */
function readAfter(before: string, armor: string): unknown {
  expect(parseSshSignature(before).kind).toBe('ok');
  return parseSshSignature(armor);
}

describe('SSH signatures one after the other', () => {
  const [key, other] = [paperKey(1), paperKey(2)];
  const first = armorOf(key, 'first');
  const foreign = armorOf(other, 'first');

  it('are read alike, whichever came before, with any character replaced, added or taken away', () => {
    const second = armorOf(key, 'second');
    const variants = [second, second.trimEnd(), `${second}\n`, second.replaceAll('\n', '\r\n')];
    for (let at = 0; at <= second.length; at++) {
      const [front, rest] = [second.slice(0, at), second.slice(at)];
      for (const one of ['A', 'Q', '/', '=', '\n', '-', '\u00ff']) {
        variants.push(`${front}${one}${rest}`, `${front}${one}${rest.slice(1)}`);
      }
      variants.push(`${front}${rest.slice(1)}`, front, `${front}\n\n${rest}`);
    }
    let good = 0;
    for (const armor of variants) {
      const whole = readAfter(foreign, armor);
      expect(readAfter(first, armor)).toEqual(whole);
      if ((whole as { kind: string }).kind === 'ok') good++;
    }
    expect(good).toBeGreaterThan(100);
    expect(good).toBeLessThan(variants.length / 2);
  });

  it('are read alike with lines of any width, other hashes and other namespaces', () => {
    for (const width of [1, 3, 29, 64, 70, 145, 1000])
      for (const namespace of ['git', 'gif', 'file'])
        for (const hash of ['sha512', 'sha256'] as const) {
          const blob = fromLatin1(sign(key, namespace, utf8('x'), hash))
            .split('\n')
            .slice(1, -2)
            .join('');
          const armor = fromLatin1(wrapped(blob, width));
          const whole = readAfter(foreign, armor);
          expect(whole).toMatchObject({ kind: 'ok', signature: { namespace, hash } });
          expect(readAfter(first, armor)).toEqual(whole);
          expect(readAfter(armor, armor)).toEqual(whole);
        }
  });

  it('hand out nothing that a change of one could reach in the next', () => {
    const second = armorOf(key, 'second');
    const whole = readAfter(foreign, second);
    expect(parseSshSignature(foreign).kind).toBe('ok');
    for (const armor of [first, first, second]) {
      const parsed = parseSshSignature(armor);
      if (parsed.kind === 'ok') {
        parsed.signature.publicKey.fill(0);
        parsed.signature.signature.fill(0);
      }
    }
    expect(parseSshSignature(second)).toEqual(whole);
  });
});

describe.skipIf(!hasSshKeygen)('SSH signatures beside ssh-keygen', () => {
  const key = fileKey();

  it.each(['sha512', 'sha256'] as const)(
    'are byte-equal to its own, with %s, for payloads of any size',
    (hash) => {
      for (const payload of [new Uint8Array(0), utf8('a'), new Uint8Array(100_000).fill(7)]) {
        for (const namespace of ['git', 'auths-artifact']) {
          const theirs = signWithSshKeygen(key, namespace, payload, hash);
          expect(fromLatin1(sign(key, namespace, payload, hash))).toBe(fromLatin1(theirs));
          expect(isValid(theirs, payload, namespace)).toBe(true);
          expect(isValid(theirs, payload, `${namespace}x`)).toBe(false);
        }
      }
    },
  );

  it('are taken by it, and refused over other bytes or another namespace', () => {
    const armor = sign(key, 'git', utf8('payload'));
    expect(checkWithSshKeygen(armor, 'git', utf8('payload'))).toBe(true);
    expect(checkWithSshKeygen(armor, 'git', utf8('Payload'))).toBe(false);
    expect(checkWithSshKeygen(armor, 'file', utf8('payload'))).toBe(false);
  });

  it('public keys are read and written as it does', () => {
    const line = readFileSync(`${key.file}.pub`, 'utf8').trim();
    expect(parseSshPublicKey(line)).toEqual(key.publicKey);
    expect(formatSshPublicKey(key.publicKey, 'a comment')).toBe(line);
    const rsa = readFileSync(`${fileKey('rsa', ['-b', '2048']).file}.pub`, 'utf8');
    for (const bad of [
      rsa,
      '',
      'ssh-ed25519',
      `ssh-ed25519 ${line.split(' ')[1]?.slice(0, -4) ?? ''}`,
      line.replace('ssh-ed25519 ', 'ssh-rsa '),
    ]) {
      expect(() => parseSshPublicKey(bad)).toThrow(expect.objectContaining({ code: 'input/malformed' }));
    }
  });

  it('of another key type are unsupported, by name', () => {
    for (const [type, bits] of [
      ['rsa', ['-b', '2048']],
      ['ecdsa', []],
    ] as const) {
      const armor = signWithSshKeygen(fileKey(type, bits), 'git', utf8('x'));
      expect(parseSshSignature(fromLatin1(armor))).toMatchObject({ kind: 'unsupported' });
    }
  });
});

describe('SSH signatures', () => {
  const key = paperKey(9);
  const payload = utf8('tree and so on');
  const armor = sign(key, 'git', payload);
  const body = fromLatin1(armor).split('\n').slice(1, -2).join('');
  it('are wrapped at 70 columns and read at any width', () => {
    expect(
      fromLatin1(armor)
        .split('\n')
        .slice(1, -3)
        .every((line) => line.length === 70),
    ).toBe(true);
    for (const width of [1, 64, 70, 76, 10_000]) expect(isValid(wrapped(body, width), payload)).toBe(true);
  });

  it('have one spelling of their bytes', () => {
    const blob = Buffer.from(body, 'base64');
    expect(isValid(armored(blob), payload)).toBe(true);
    // A byte more, inside or outside, and reserved bytes.
    expect(isValid(armored(Buffer.concat([blob, Buffer.from([0])])), payload)).toBe(false);
    const reserved = blob.indexOf('git') + 3;
    expect(
      isValid(
        armored(
          Buffer.concat([
            blob.subarray(0, reserved),
            Buffer.from([0, 0, 0, 1, 65]),
            blob.subarray(reserved + 4),
          ]),
        ),
        payload,
      ),
    ).toBe(false);
    // Other base64 of the same bytes, blank lines, text around it.
    for (const text of [
      body.replaceAll('=', ''),
      `${body}\n`,
      ` ${body}`,
      `${body}=`,
      body.replaceAll('+', '-').replaceAll('/', '_'),
    ]) {
      const whole = latin1(`-----BEGIN SSH SIGNATURE-----\n${text}\n-----END SSH SIGNATURE-----\n`);
      if (text !== body) expect(isValid(whole, payload), text.slice(0, 9)).toBe(false);
    }
    for (const text of [
      `x\n${fromLatin1(armor)}`,
      `${fromLatin1(armor)}x`,
      fromLatin1(armor).replaceAll('\n', '\r\n'),
      `${fromLatin1(armor)}\n`,
    ]) {
      expect(isValid(latin1(text), payload)).toBe(false);
    }
  });

  it('a signature for pairing or an attestation is none for git, and the other way round', () => {
    const parsed = parseSshSignature(fromLatin1(armor));
    if (parsed.kind !== 'ok') throw new Error('not parsed');
    const raw = signEd25519(key.seed, payload);
    expect(isValid(armorSshSignature({ ...parsed.signature, signature: raw }), payload)).toBe(false);
    expect(pureVerifyEngine.verify(key.publicKey, payload, parsed.signature.signature)).toBe(false);
  });

  it('property: no one-byte change of armor or payload verifies', () => {
    fc.assert(
      fc.property(fc.nat(armor.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = armor.slice();
        changed[at] = (changed[at] as number) ^ mask;
        // The line feed before nothing is the one byte that means nothing.
        if (fromLatin1(changed).trimEnd() === fromLatin1(armor).trimEnd()) return true;
        return !isValid(changed, payload);
      }),
      { numRuns: 500 },
    );
    for (let at = 0; at < payload.length; at++) {
      const changed = payload.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(isValid(armor, changed)).toBe(false);
    }
  });

  it('property: any bytes are read without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        parseSshSignature(fromLatin1(bytes));
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const blob = Buffer.concat([Buffer.from('SSHSIG\0\0\0\x01'), bytes]).toString('base64');
        expect(parseSshSignature(fromLatin1(wrapped(blob, 70))).kind).not.toBe('ok');
      }),
    );
    expect(parseSshSignature('\0'.repeat(20_000))).toMatchObject({ kind: 'malformed' });
  });
});
