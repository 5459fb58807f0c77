/**
 * Runs the program in X.bin as its starter would, from its source, and puts the code of the functions that it used until
 * it showed UNTIL (a regular expression; empty: until its end) in the place of the code of all:
 * usage `node trained-run.cjs X.bin UNTIL WORDS…` (train.mjs).
 */
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const { pathToFileURL } = require('node:url');
const { Script } = require('node:vm');

const [, , filename, until, ...words] = process.argv;
const bytes = readFileSync(filename);
const end = 8 + bytes.readUInt32LE(0);
const script = new Script(bytes.latin1Slice(8, end), { filename });
const keep = () => {
  const temp = `${filename}.${process.pid}.tmp`;
  writeFileSync(temp, Buffer.concat([bytes.subarray(0, end), script.createCachedData()]));
  renameSync(temp, filename);
};

let kept = false;
const once = () => {
  if (!kept) keep();
  kept = true;
};
if (until !== '') {
  for (const stream of [process.stdout, process.stderr]) {
    const { write } = stream;
    stream.write = (text, ...rest) => {
      const went = write.call(stream, text, ...rest);
      if (new RegExp(until).test(String(text))) once();
      return went;
    };
  }
}
process.on('exit', once);
// Programs that have nothing left to wait for end without the event.
const { reallyExit } = process;
process.reallyExit = (code) => {
  once();
  reallyExit.call(process, code);
};

process.argv.splice(1, process.argv.length, filename.replace(/bin$/, 'js'), ...words);
script.runInThisContext()(require, { url: pathToFileURL(filename).href });
