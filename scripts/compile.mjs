/**
 * A bundle (stdin) with V8's code for it (stdout): u32le length of the source, 4 bytes of nothing, the source in ASCII,
 * spaces up to a multiple of 8 bytes, the code.
 */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const text = `(function(require,__auths_place){${readFileSync(0, 'latin1')}\n})`;
const source = Buffer.from(text + ' '.repeat(-text.length & 7), 'latin1');
// Otherwise a function is compiled when it is first called, and the code of those that were not is missing.
setFlagsFromString('--no-lazy');
const script = new Script(source.latin1Slice());
// The flags are part of what V8 compares before it takes the code.
setFlagsFromString('--lazy');
const head = Buffer.alloc(8);
head.writeUInt32LE(source.length);
process.stdout.write(Buffer.concat([head, source, script.createCachedData()]));
