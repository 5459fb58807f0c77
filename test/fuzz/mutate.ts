/**
 * Hostile variants of good samples: scripts of edits over bytes and over JSON, and noise. A script is data, so that
 * fast-check can shrink it to the one edit that matters.
 */
import * as fc from 'fast-check';

/** A place in something of any length: a fraction of it. */
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

type ByteEdit =
  | { readonly edit: 'flip'; readonly at: number; readonly bit: number }
  | { readonly edit: 'set'; readonly at: number; readonly value: number }
  | { readonly edit: 'delete'; readonly at: number; readonly length: number }
  | { readonly edit: 'double'; readonly at: number; readonly length: number; readonly times: number }
  | { readonly edit: 'swap'; readonly at: number; readonly to: number; readonly length: number }
  | { readonly edit: 'splice'; readonly at: number; readonly from: number; readonly sample: number }
  | { readonly edit: 'cut'; readonly at: number }
  | { readonly edit: 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly edit: 'word'; readonly at: number; readonly word: number; readonly over: boolean };

/** What parsers stumble over. */
const WORDS: readonly string[] = [
  '\0',
  '\n',
  '\r\n',
  ' ',
  '\t',
  '\ufeff',
  '\u202e',
  '\u2028',
  '😀',
  '{',
  '}',
  '[',
  ']',
  '[[[[',
  '{"a":{"a":',
  '"',
  '\\',
  '\\u0000',
  '\\ud800',
  '\\u0061',
  'null',
  'true',
  '1e999',
  '-0',
  '-1',
  '0x10',
  '1.0',
  '00',
  '9007199254740993',
  '99999999999999999999999999',
  '"__proto__":{"a":1},',
  '"constructor":1,',
  '"0":0,',
  ',"v":1',
  '=',
  '==',
  '%00',
  '%2f',
  '../',
  '/',
  '-AAB',
  '-AAA',
  '-A__',
  '-BAB',
  '-CAB',
  '-EAB',
  '-FAB',
  '-GAB',
  '-HAB',
  '-IAB',
  '-VAA',
  '-VAB',
  '-V__',
  '-0VAAAAB',
  '-0V_____',
  '-JAB',
  '-DAB',
  '--AAAAAA',
  '0A',
  '0B',
  '1AAG',
  '2A',
  '2B',
  '4A',
  'KERI10JSON',
  '000000_',
  'ffffff_',
  '"kt":"0"',
  '"t":"icp"',
  '"t":"rct"',
  '"s":"0"',
  'gpgsig ',
  'gpgsig-sha256 ',
  'tree ',
  'parent ',
  'mergetag ',
  '-----BEGIN SSH SIGNATURE-----\n',
  '-----END SSH SIGNATURE-----\n',
  '-----BEGIN PGP SIGNATURE-----\n',
  'SSHSIG',
  '&v=1',
  '&s=',
  '#',
  '?',
  '@',
  'AUTHS:',
  'auths://pair?',
  'https://',
  'did:keri:',
  'did:key:z6Mk',
  'until ',
];

const byteEdit: fc.Arbitrary<ByteEdit> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ edit: fc.constant('flip' as const), at: place, bit: fc.nat(7) }) },
  { weight: 2, arbitrary: fc.record({ edit: fc.constant('set' as const), at: place, value: fc.nat(255) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      edit: fc.constant('delete' as const),
      at: place,
      length: fc.integer({ min: 1, max: 200 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      edit: fc.constant('double' as const),
      at: place,
      length: fc.integer({ min: 1, max: 300 }),
      times: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      edit: fc.constant('swap' as const),
      at: place,
      to: place,
      length: fc.integer({ min: 1, max: 100 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      edit: fc.constant('splice' as const),
      at: place,
      from: place,
      sample: fc.nat(1000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ edit: fc.constant('cut' as const), at: place }) },
  {
    weight: 1,
    arbitrary: fc.record({
      edit: fc.constant('insert' as const),
      at: place,
      bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      edit: fc.constant('word' as const),
      at: place,
      word: fc.nat(WORDS.length - 1),
      over: fc.boolean(),
    }),
  },
);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function edited(bytes: Uint8Array, edit: ByteEdit, samples: readonly Uint8Array[]): Uint8Array {
  const at = 'at' in edit ? Math.floor(edit.at * (bytes.length + 1)) : 0;
  const copy = Uint8Array.from(bytes);
  switch (edit.edit) {
    case 'flip':
      if (at < copy.length) copy[at] = (copy[at] as number) ^ (1 << edit.bit);
      return copy;
    case 'set':
      if (at < copy.length) copy[at] = edit.value;
      return copy;
    case 'delete':
      return join(bytes.subarray(0, at), bytes.subarray(at + edit.length));
    case 'double': {
      const part = bytes.subarray(at, at + edit.length);
      return join(
        bytes.subarray(0, at),
        ...Array.from({ length: edit.times }, () => part),
        bytes.subarray(at),
      );
    }
    case 'swap': {
      const to = Math.floor(edit.to * (bytes.length + 1));
      const one = bytes.slice(at, at + edit.length);
      copy.copyWithin(at, to, to + edit.length);
      copy.set(one.subarray(0, Math.max(0, copy.length - to)), to);
      return copy;
    }
    case 'splice': {
      const other = samples[edit.sample % samples.length] ?? bytes;
      return join(bytes.subarray(0, at), other.subarray(Math.floor(edit.from * (other.length + 1))));
    }
    case 'cut':
      return bytes.slice(0, at);
    case 'insert':
      return join(bytes.subarray(0, at), edit.bytes, bytes.subarray(at));
    default: {
      const word = encoder.encode(WORDS[edit.word]);
      return join(bytes.subarray(0, at), word, bytes.subarray(edit.over ? at + word.length : at));
    }
  }
}

/** One of the samples, edited up to `most` times (sometimes not at all); or noise. Never above some 100 KB. */
export function mutatedBytes(samples: readonly Uint8Array[], most: number = 5): fc.Arbitrary<Uint8Array> {
  const script = fc.record({
    sample: fc.nat(samples.length - 1),
    edits: fc.array(byteEdit, { maxLength: most }),
  });
  return fc.oneof(
    {
      weight: 9,
      arbitrary: script.map(({ sample, edits }) =>
        edits.reduce((bytes, edit) => edited(bytes, edit, samples), samples[sample] as Uint8Array),
      ),
    },
    { weight: 1, arbitrary: noise },
  );
}

/** The same for text; bytes that are no UTF-8 become U+FFFD. */
export function mutatedText(samples: readonly string[], most?: number): fc.Arbitrary<string> {
  const bytes = samples.map((text) => encoder.encode(text));
  return fc.oneof(
    { weight: 9, arbitrary: mutatedBytes(bytes, most).map((mutated) => decoder.decode(mutated)) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 200 }) },
  );
}

export const noise: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 200 }).map((text) => encoder.encode(text)),
  fc.json({ maxDepth: 6 }).map((text) => encoder.encode(text)),
  fc
    .record({ byte: fc.nat(255), length: fc.nat(20_000) })
    .map(({ byte, length }) => new Uint8Array(length).fill(byte)),
  fc
    .record({ open: fc.constantFrom('[', '{"a":', '[{"a":'), depth: fc.integer({ min: 1, max: 20_000 }) })
    .map(({ open, depth }) => encoder.encode(open.repeat(depth))),
);

/** A JSON value, or the text of one that JSON.stringify would not write. */
type Node = { raw: string } | { list: Node[] } | { members: [string, Node][] };

type JsonEdit =
  | { readonly edit: 'replace'; readonly at: number; readonly value: string }
  | { readonly edit: 'remove'; readonly at: number }
  | { readonly edit: 'double'; readonly at: number; readonly times: number }
  | { readonly edit: 'rename'; readonly at: number; readonly name: string }
  | { readonly edit: 'add'; readonly at: number; readonly name: string; readonly value: string }
  | { readonly edit: 'wrap'; readonly at: number; readonly depth: number }
  | { readonly edit: 'move'; readonly at: number; readonly from: number }
  | { readonly edit: 'reverse'; readonly at: number };

/** Member names with a meaning of their own in JavaScript, and ones that sort or print oddly. */
const names = fc.constantFrom(
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"hasOwnProperty"',
  '"0"',
  '"1"',
  '"-1"',
  '""',
  '"v"',
  '"a"',
  '"d"',
  '"t"',
  '"\\u0076"',
  '"\\ud800"',
  '"\\u0000"',
  '"\\u202e"',
  '"ÿ"',
  `"${'n'.repeat(5_000)}"`,
);
const values = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    'false',
    '0',
    '-0',
    '1',
    '-1',
    '1.5',
    '1e400',
    '-1e400',
    '1E3',
    '9007199254740993',
    '4294967296',
    '123456789012345678901234567890',
    '0.1',
    '1e-400',
    '""',
    '"\\u0000"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\u202e"',
    '"\\u001b[2J"',
    '"=="',
    '"-_"',
    '"__proto__"',
    '[]',
    '{}',
    '[[]]',
    '{"__proto__":{}}',
    '[null]',
    '[0,0]',
    '{"length":3}',
    '"EAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"',
    '"did:keri:EAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"',
    '"9999-12-31T23:59:60Z"',
    '"2026-02-30T00:00:00Z"',
    '"0000-01-01T00:00:00Z"',
    '"ffffffff"',
    '"FFFF"',
    '"１"',
    '"ı"',
  ),
  fc.integer({ min: 1, max: 30_000 }).map((length) => `"${'x'.repeat(length)}"`),
  fc.integer({ min: 1, max: 10_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  fc.integer({ min: 1, max: 3_000 }).map((length) => `[${'0,'.repeat(length)}0]`),
  fc.string({ unit: 'binary', maxLength: 60 }).map((text) => JSON.stringify(text)),
  fc.double().map((value) => JSON.stringify(value)),
);

const jsonEdit: fc.Arbitrary<JsonEdit> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ edit: fc.constant('replace' as const), at: place, value: values }) },
  { weight: 2, arbitrary: fc.record({ edit: fc.constant('remove' as const), at: place }) },
  {
    weight: 2,
    arbitrary: fc.record({
      edit: fc.constant('double' as const),
      at: place,
      times: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 300 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ edit: fc.constant('rename' as const), at: place, name: names }) },
  {
    weight: 2,
    arbitrary: fc.record({ edit: fc.constant('add' as const), at: place, name: names, value: values }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      edit: fc.constant('wrap' as const),
      at: place,
      depth: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ edit: fc.constant('move' as const), at: place, from: place }) },
  { weight: 1, arbitrary: fc.record({ edit: fc.constant('reverse' as const), at: place }) },
);

function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return { list: value.map(nodeOf) };
  if (typeof value !== 'object' || value === null) return { raw: JSON.stringify(value) };
  return { members: Object.entries(value).map(([name, member]) => [JSON.stringify(name), nodeOf(member)]) };
}

function textOf(node: Node): string {
  if ('raw' in node) return node.raw;
  if ('list' in node) return `[${node.list.map(textOf).join()}]`;
  return `{${node.members.map(([name, member]) => `${name}:${textOf(member)}`).join()}}`;
}

/** Every place that holds a value: its owner and position. */
function placesOf(
  node: Node,
  found: { owner: Node; index: number }[] = [],
): { owner: Node; index: number }[] {
  const children =
    'list' in node ? node.list : 'members' in node ? node.members.map(([, member]) => member) : [];
  children.forEach((child, index) => {
    found.push({ owner: node, index });
    placesOf(child, found);
  });
  return found;
}

function apply(root: Node, edit: JsonEdit): Node {
  const places = placesOf(root);
  const target = places[Math.floor(edit.at * places.length)];
  if (target === undefined) return edit.edit === 'replace' ? { raw: edit.value } : root;
  const { owner, index } = target;
  const read = (): Node =>
    'list' in owner
      ? (owner.list[index] as Node)
      : 'members' in owner
        ? (owner.members[index]?.[1] as Node)
        : owner;
  const write = (value: Node): void => {
    if ('list' in owner) owner.list[index] = value;
    else if ('members' in owner) (owner.members[index] as [string, Node])[1] = value;
  };
  switch (edit.edit) {
    case 'replace':
      write({ raw: edit.value });
      break;
    case 'remove':
      if ('list' in owner) owner.list.splice(index, 1);
      else if ('members' in owner) owner.members.splice(index, 1);
      break;
    case 'double':
      for (let i = 0; i < edit.times; i++) {
        if ('list' in owner) owner.list.push({ raw: textOf(read()) });
        else if ('members' in owner)
          owner.members.push([(owner.members[index] as [string, Node])[0], { raw: textOf(read()) }]);
      }
      break;
    case 'rename':
      if ('members' in owner) (owner.members[index] as [string, Node])[0] = edit.name;
      break;
    case 'add':
      if ('members' in owner) owner.members.push([edit.name, { raw: edit.value }]);
      else if ('list' in owner) owner.list.push({ raw: edit.value });
      break;
    case 'wrap':
      write({ raw: `${'['.repeat(edit.depth)}${textOf(read())}${']'.repeat(edit.depth)}` });
      break;
    case 'move': {
      const source = places[Math.floor(edit.from * places.length)];
      if (source === undefined) break;
      const from = source.owner;
      const value =
        'list' in from
          ? from.list[source.index]
          : 'members' in from
            ? from.members[source.index]?.[1]
            : undefined;
      if (value !== undefined) write({ raw: textOf(value) });
      break;
    }
    case 'reverse':
      if ('list' in owner) owner.list.reverse();
      else if ('members' in owner) owner.members.reverse();
  }
  return root;
}

/** JSON text of one of the samples after up to `most` edits of its structure, and of its bytes in one case of four. */
export function mutatedJson(samples: readonly unknown[], most: number = 4): fc.Arbitrary<Uint8Array> {
  const structured = fc
    .record({ sample: fc.nat(samples.length - 1), edits: fc.array(jsonEdit, { maxLength: most }) })
    .map(({ sample, edits }) => {
      let node = nodeOf(samples[sample]);
      for (const edit of edits) node = apply(node, edit);
      return encoder.encode(textOf(node));
    });
  const raw = samples.map((sample) => encoder.encode(JSON.stringify(sample)));
  return fc.oneof({ weight: 3, arbitrary: structured }, { weight: 1, arbitrary: mutatedBytes(raw) });
}
