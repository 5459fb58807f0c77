/** Many new objects at once, as one pack through `git index-pack`: for whole logs that arrive together. */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { runGit } from './git.ts';
import type { NewObject, ObjectType } from './objects.ts';

const TYPE: Record<ObjectType, number> = { commit: 1, tree: 2, blob: 3, tag: 4 };

/** Writes the objects durably as one pack. */
export async function writePack(gitDir: string, objects: readonly NewObject[]): Promise<void> {
  const distinct = [...new Map(objects.map((object) => [object.oid, object])).values()];
  const header = Buffer.alloc(12);
  header.write('PACK', 'latin1');
  header.writeUInt32BE(2, 4);
  header.writeUInt32BE(distinct.length, 8);
  const parts: Uint8Array[] = [header];
  for (const { type, bytes } of distinct) {
    parts.push(entryHeader(TYPE[type], bytes.length), deflateSync(bytes, { level: 1 }));
  }
  const body = Buffer.concat(parts);
  const pack = Buffer.concat([body, createHash('sha1').update(body).digest()]);
  await runGit(['index-pack', '--stdin'], { gitDir, write: true, isolated: true, input: pack });
}

/** gitformat-pack(5): three bits of type, then the size in 4 + 7 + 7 … bits, least significant first. */
function entryHeader(type: number, size: number): Uint8Array {
  const bytes: number[] = [];
  let byte = (type << 4) | (size & 0x0f);
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(byte | 0x80);
    byte = rest & 0x7f;
  }
  bytes.push(byte);
  return Uint8Array.from(bytes);
}
