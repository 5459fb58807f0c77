/** Commits, tags and SSH signatures: bytes that anybody may have put into a repository. */
import { expect } from 'vitest';
import { parseCommit, parseTag } from '../../packages/core/src/commit/object.ts';
import { readSignature } from '../../packages/core/src/commit/signature.ts';
import {
  armorSshSignature,
  formatSshPublicKey,
  parseSshPublicKey,
  parseSshSignature,
} from '../../packages/core/src/commit/sshsig.ts';
import { encodeDidKey } from '../../packages/core/src/encoding/did-key.ts';
import { fromLatin1 } from '../../packages/core/src/encoding/text.ts';
import { nodeDigests } from '../../packages/git-store/src/git-history.ts';
import { parseCommit as parseOwnCommit, parseTree } from '../../packages/git-store/src/objects.ts';
import { nodeVerifyEngine as engine } from '../../packages/key-store/src/verify-engine.ts';
import { accepted, countCases, fuzz } from './laws.ts';
import { mutatedBytes, mutatedText } from './mutate.ts';
import { armors, commits, device, otherDevice, tags } from './samples.ts';

countCases('objects');

const tools = { engine, digests: nodeDigests };
const payloads = new Map<string, Set<string>>();
for (const [type, samples] of [
  ['commit', commits],
  ['tag', tags],
] as const) {
  for (const sample of samples) {
    const signed = readSignature(tools, type, sample, 'sha1');
    if (signed.kind !== 'signed' || signed.object.signature === null) continue;
    const known = payloads.get(signed.device) ?? new Set<string>();
    payloads.set(signed.device, known.add(Buffer.from(signed.object.signature.payload).toString('latin1')));
  }
}

for (const [type, samples] of [
  ['commit', commits],
  ['tag', tags],
] as const) {
  fuzz(
    `${type}: a signature is only found over bytes that were signed`,
    mutatedBytes(samples),
    4_000,
    (input) => {
      for (const format of ['sha1', 'sha256'] as const) {
        const read = readSignature(tools, type, input, format);
        if (read.kind !== 'signed') continue;
        const payload = Buffer.from(read.object.signature?.payload ?? []).toString('latin1');
        expect(payloads.get(read.device)?.has(payload)).toBe(true);
      }
    },
  );
}

fuzz(
  'objects that are taken for the other type, or for one of our own',
  mutatedBytes([...commits, ...tags]),
  1_500,
  (input) => {
    expect(['ok', 'malformed']).toContain(parseCommit(input, 'sha1').kind);
    expect(['ok', 'malformed']).toContain(parseTag(input, 'sha256').kind);
    parseOwnCommit(input);
  },
);

const tree = new Uint8Array(
  Buffer.concat(
    ['100644 a', '40000 .auths', '120000 link', '160000 module'].flatMap((head) => [
      Buffer.from(`${head}\0`),
      Buffer.alloc(20, 7),
    ]),
  ),
);
fuzz('trees: entries or nothing', mutatedBytes([tree]), 2_000, (input) => {
  for (const length of [20, 32]) {
    for (const entry of parseTree(input, length) ?? [])
      expect(entry.oid).toMatch(length === 20 ? /^[0-9a-f]{40}$/ : /^[0-9a-f]{64}$/);
  }
});

fuzz(
  'SSHSIG armor: what parses is written back to the same signature',
  mutatedBytes(armors),
  4_000,
  (input) => {
    const parsed = parseSshSignature(fromLatin1(input));
    if (parsed.kind !== 'ok') return;
    expect(parseSshSignature(fromLatin1(armorSshSignature(parsed.signature)))).toEqual(parsed);
    expect(parsed.signature.publicKey.length + parsed.signature.signature.length).toBe(96);
    encodeDidKey(parsed.signature.publicKey);
  },
);

fuzz(
  '.pub lines',
  mutatedText([formatSshPublicKey(device.publicKey, 'laptop'), formatSshPublicKey(otherDevice.publicKey)], 3),
  2_000,
  (line) => {
    const key = accepted(() => parseSshPublicKey(line));
    if (key !== null)
      expect(
        line
          .trim()
          .split(/[ \t]+/)
          .slice(0, 2)
          .join(' '),
      ).toBe(formatSshPublicKey(key));
  },
);
