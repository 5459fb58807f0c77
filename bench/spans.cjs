/**
 * Loaded before a program that is measured (`node --require`): notes when Node's own functions for keys, files, other
 * processes and time began and ended, in nanoseconds of the machine's steady clock. Nothing of it is in the
 * product. Written to the file AUTHS_BENCH_SPANS names when the process ends.
 */
'use strict';
const { writeFileSync } = require('node:fs');

const spans = [];
const now = () => Number(process.hrtime.bigint());
const note = (kind, from, sync) => spans.push([kind, from, now(), sync ? 1 : 0]);

/** Replaces `name` of `of` by one that is timed; a promise until it settles. */
function time(kind, of, name) {
  const real = of[name];
  if (typeof real !== 'function') return;
  of[name] = function (...given) {
    const from = now();
    const made = Reflect.apply(real, this, given);
    if (typeof made?.then !== 'function') {
      note(kind, from, true);
      return made;
    }
    return made.then(
      (value) => {
        note(kind, from, false);
        return value;
      },
      (error) => {
        // A wait that was called off was not waited for.
        if (kind !== 'waiting') note(kind, from, false);
        throw error;
      },
    );
  };
}

const crypto = require('node:crypto');
for (const name of ['sign', 'verify', 'createPrivateKey', 'createPublicKey', 'diffieHellman'])
  time('keys', crypto, name);
const { scrypt } = crypto;
crypto.scrypt = (...given) => {
  const from = now();
  const done = given.pop();
  scrypt(...given, (...result) => {
    note('scrypt', from, false);
    done(...result);
  });
};

const fs = require('node:fs');
for (const name of Object.keys(fs)) if (name.endsWith('Sync')) time('disk', fs, name);
for (const name of Object.keys(fs.promises)) time('disk', fs.promises, name);
const timedOpen = fs.promises.open;
fs.promises.open = async (...given) => {
  const file = await timedOpen(...given);
  for (const name of ['sync', 'writeFile', 'write', 'readFile', 'read', 'close']) time('disk', file, name);
  return file;
};
time('waiting', require('node:timers/promises'), 'setTimeout');

const processes = require('node:child_process');
for (const name of ['spawnSync', 'execFileSync']) time('git', processes, name);
const { spawn } = processes;
processes.spawn = (...given) => {
  let from = now();
  const child = spawn(...given);
  const ended = () => {
    if (from !== null) note('git', from, false);
    from = null;
  };
  if (child.stdin) {
    const { write } = child.stdin;
    child.stdin.write = function (...words) {
      from ??= now();
      return Reflect.apply(write, this, words);
    };
  }
  child.stdout?.on('data', ended);
  child.on('exit', ended);
  return child;
};

process.on('exit', () => writeFileSync(process.env.AUTHS_BENCH_SPANS, JSON.stringify(spans)));
