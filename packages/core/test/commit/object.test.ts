import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectId, pureDigests } from '../../src/commit/digests.ts';
import { parseCommit, parseTag } from '../../src/commit/object.ts';
import { fromLatin1, latin1 } from '../../src/encoding/text.ts';

const TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
const HEAD = `tree ${TREE}\nparent ${'1'.repeat(40)}\nparent ${'2'.repeat(40)}\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 1 +0000\n`;
const ARMOR = '-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n';
const folded = (text: string): string => text.trimEnd().replaceAll('\n', '\n ') + '\n';

function commit(text: string, format: 'sha1' | 'sha256' = 'sha1') {
  const parsed = parseCommit(latin1(text), format);
  if (parsed.kind === 'malformed') throw new Error(parsed.why);
  return parsed.object;
}

function tag(text: string) {
  const parsed = parseTag(latin1(text), 'sha1');
  if (parsed.kind === 'malformed') throw new Error(parsed.why);
  return parsed.object;
}

describe('commits as bytes', () => {
  it('know their parents, and their payload without the signature header', () => {
    const object = commit(`${HEAD}gpgsig ${folded(ARMOR)}encoding latin1\n\nm\xe9ssage\n\ngpgsig not me\n`);
    expect(object.refersTo).toEqual(['1'.repeat(40), '2'.repeat(40)]);
    expect(object.signature?.armor).toBe(ARMOR);
    expect(fromLatin1(object.signature?.payload ?? new Uint8Array(0))).toBe(
      `${HEAD}encoding latin1\n\nm\xe9ssage\n\ngpgsig not me\n`,
    );
  });

  it('take the signature of their own object format, and drop the other from the payload', () => {
    const text = `${HEAD}gpgsig ${folded(ARMOR)}gpgsig-sha256 ${folded(ARMOR.replace('AAAA', 'BBBB'))}\nm\n`;
    expect(commit(text).signature?.armor ?? '').toContain('AAAA');
    expect(fromLatin1(commit(text).signature?.payload ?? new Uint8Array(0))).toBe(`${HEAD}\nm\n`);
    const wide = text.replaceAll(/\b[0-9a-f]{40}\b/g, (oid) => oid + oid.slice(0, 24));
    expect(commit(wide, 'sha256').signature?.armor ?? '').toContain('BBBB');
    expect(commit(`${HEAD}gpgsig-sha256 ${folded(ARMOR)}\nm\n`).signature).toBeNull();
  });

  it('a signature below the blank line is text', () => {
    expect(commit(`${HEAD}\ngpgsig ${folded(ARMOR)}`).signature).toBeNull();
    expect(commit(`${HEAD}mergetag object ${TREE}\n gpgsig -----BEGIN\n x\n\nm\n`).signature).toBeNull();
  });

  it.each([
    ['a doubled signature', `${HEAD}gpgsig ${folded(ARMOR)}gpgsig ${folded(ARMOR)}\nm\n`],
    ['a doubled signature apart', `${HEAD}gpgsig ${folded(ARMOR)}encoding x\ngpgsig ${folded(ARMOR)}\nm\n`],
    ['a signature header that git drops without reading', `${HEAD}gpgsig-evil x\n\nm\n`],
    ['no tree', HEAD.slice(HEAD.indexOf('\n') + 1)],
    ['a second tree', `${HEAD}tree ${TREE}\n\nm\n`],
    ['a late parent', `${HEAD}parent ${'3'.repeat(40)}\n\nm\n`],
    ['a short parent', HEAD.replace('1'.repeat(40), '1'.repeat(39))],
    ['a parent of the other format', HEAD.replace('1'.repeat(40), '1'.repeat(64))],
    ['an upper-case tree', HEAD.replace(TREE, TREE.toUpperCase())],
    ['a tree of two lines', HEAD.replace(TREE, `${TREE}\n x`)],
    ['a parent of two lines', HEAD.replace('1'.repeat(40), `${'1'.repeat(40)}\n x`)],
    ['an author of two lines', HEAD.replace('author A', 'author A\n x')],
    ['no committer', HEAD.replace('committer', 'Committer')],
    ['a second author', `${HEAD}author B <b@c> 1 +0000\n\nm\n`],
    ['a zero byte', `${HEAD}x a\0b\n\nm\n`],
    ['an end in the middle of a header', `${HEAD}encoding`],
    ['nothing', ''],
  ])('refuses %s', (_what, text) => {
    expect(parseCommit(latin1(text), 'sha1')).toMatchObject({ kind: 'malformed' });
  });

  it('ids are those of git', () => {
    expect(objectId(pureDigests, 'sha1', 'tree', new Uint8Array(0))).toBe(TREE);
    expect(objectId(pureDigests, 'sha256', 'blob', new Uint8Array(0))).toBe(
      '473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813',
    );
  });

  it('property: any bytes are read without a throw, and a payload never holds its own signature', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        parseCommit(bytes, 'sha1');
        parseTag(bytes, 'sha1');
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
        const message = text.replaceAll('\0', '');
        const object = commit(`${HEAD}gpgsig ${folded(ARMOR)}\n${message}`);
        expect(fromLatin1(object.signature?.payload ?? new Uint8Array(0))).toBe(`${HEAD}\n${message}`);
      }),
    );
  });
});

describe('tags as bytes', () => {
  const TAG = `object ${TREE}\ntype commit\ntag v1\ntagger T <t@u> 1 +0000\n`;

  it('their signature starts at the last line that begins one', () => {
    const text = `${TAG}\nmessage\n${ARMOR}more\n${ARMOR}`;
    const { signature, refersTo } = tag(text);
    expect(fromLatin1(signature?.payload ?? new Uint8Array(0))).toBe(`${TAG}\nmessage\n${ARMOR}more\n`);
    expect(signature?.armor).toBe(ARMOR);
    expect(refersTo).toEqual([TREE]);
    expect(tag(`${TAG}\nmessage\n`).signature).toBeNull();
    expect(tag(`${TAG}\n quoted ${ARMOR}`).signature).toBeNull();
  });

  it('a signature header for the other object format is no part of the payload', () => {
    const text = `${TAG}gpgsig-sha256 ${folded(ARMOR)}\nmessage\n${ARMOR}`;
    expect(fromLatin1(tag(text).signature?.payload ?? new Uint8Array(0))).toBe(`${TAG}\nmessage\n`);
  });

  it.each([
    ['no object', TAG.slice(TAG.indexOf('\n') + 1)],
    ['a strange type', TAG.replace('commit', 'commits')],
    ['a second object', `${TAG}object ${TREE}\n\nm\n`],
    ['no name', TAG.replace('tag v1\n', '')],
  ])('refuses %s', (_what, text) => {
    expect(parseTag(latin1(text), 'sha1')).toMatchObject({ kind: 'malformed' });
  });
});
