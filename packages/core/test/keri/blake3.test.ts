import { blake3 } from '@noble/hashes/blake3.js';
import { expect, it } from 'vitest';
import { toHex } from '../../src/encoding/bytes.ts';
import { blake3Digest } from '../../src/keri/blake3.ts';

it('equals the general implementation at every length over one chunk and around the next ones', () => {
  for (let length = 0; length < 1300; length++) {
    const input = new Uint8Array(length).map((_, i) => (i * 251 + length) & 0xff);
    expect(toHex(blake3Digest(input))).toBe(toHex(blake3(input)));
  }
});

it('gives the digests of the official test file', () => {
  // https://github.com/BLAKE3-team/BLAKE3 test_vectors.json: input bytes are i mod 251.
  const wanted: readonly (readonly [number, string])[] = [
    [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
    [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
    [1024, '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7'],
    [1025, 'd00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444'],
  ];
  for (const [length, hex] of wanted)
    expect(toHex(blake3Digest(new Uint8Array(length).map((_, i) => i % 251)))).toBe(hex);
});
