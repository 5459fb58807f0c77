/**
 * The VerifyEngine for long ranges: OpenSSL on one thread of its own, many signatures to a message. Handed to the thread
 * pool one by one, each costs this thread half as much as checking it here.
 */
import { Worker } from 'node:worker_threads';
import type { VerifyEngine } from '@auths/core/ports';
import { nodeVerifyEngine, verifyOnPool } from './verify-engine.ts';

/** Below this, a thread takes longer to start than it saves. */
const MANY = 300;
/** Signatures in one message. */
const BATCH = 32;
/** Messages that the thread has not dealt with. */
const UNDER_WAY = 2;

/** What the thread runs: key 32, signature 64, length of the message 4, message, and so on; the answer has a byte for each. */
const THREAD = `
const { parentPort, workerData: done } = require('node:worker_threads');
const { createPublicKey, verify } = require('node:crypto');
const keys = new Map();
const keyOf = (raw) => {
  const x = raw.toString('base64url');
  let key = keys.get(x);
  if (key === undefined) {
    key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    if (keys.size === 256) keys.clear();
    keys.set(x, key);
  }
  return key;
};
parentPort.on('message', (bytes) => {
  const batch = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const answers = [];
  for (let at = 0; at < batch.length;) {
    const from = at + 100;
    const to = from + batch.readUInt32LE(at + 96);
    let holds = false;
    try {
      holds = verify(null, batch.subarray(from, to), keyOf(batch.subarray(at, at + 32)), batch.subarray(at + 32, at + 96));
    } catch {}
    answers.push(holds ? 1 : 0);
    at = to;
  }
  Atomics.add(done, 0, 1);
  parentPort.postMessage(Uint8Array.from(answers));
});
`;

interface Waiting {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly resolve: (holds: boolean) => void;
}

/** The same answers as `nodeVerifyEngine`, which works where no thread was asked for, and when it cannot run. */
export function threadedVerifyEngine(): VerifyEngine {
  let worker: Worker | null = null;
  let failed = false;
  let batch: Waiting[] = [];
  const sent: Waiting[][] = [];
  let handed = 0;
  /** How many messages it has dealt with. Their answers may not have arrived: this thread meets them between two tasks only. */
  const done = new Int32Array(new SharedArrayBuffer(4));

  function start(): void {
    worker = new Worker(THREAD, { eval: true, env: {}, execArgv: [], workerData: done });
    worker.unref();
    worker.on('message', (answers: Uint8Array) => {
      sent.shift()?.forEach(({ resolve }, at) => resolve(answers[at] === 1));
      if (sent.length === 0) worker?.unref();
    });
    worker.on('error', stop);
    worker.on('exit', stop);
  }

  /** What the thread has not answered is checked here. */
  function stop(): void {
    failed = true;
    for (const { publicKey, message, signature, resolve } of [...sent.splice(0).flat(), ...batch.splice(0)])
      resolve(nodeVerifyEngine.verify(publicKey, message, signature));
  }

  function flush(): void {
    if (batch.length === 0 || worker === null) return;
    const size = batch.reduce((sum, { message }) => sum + 100 + message.length, 0);
    const bytes = new Uint8Array(size);
    const lengths = new DataView(bytes.buffer);
    let at = 0;
    for (const { publicKey, message, signature } of batch) {
      bytes.set(publicKey, at);
      bytes.set(signature, at + 32);
      lengths.setUint32(at + 96, message.length, true);
      bytes.set(message, at + 100);
      at += 100 + message.length;
    }
    worker.ref();
    sent.push(batch);
    handed += 1;
    batch = [];
    worker.postMessage(bytes, [bytes.buffer]);
  }

  return {
    ...nodeVerifyEngine,
    prepare(count) {
      if (count >= MANY && worker === null) start();
    },
    verifyLater(publicKey, message, signature) {
      if (worker === null || failed || publicKey.length !== 32 || signature.length !== 64)
        return verifyOnPool(publicKey, message, signature);
      // Nobody waits for the other thread: what it has no time for, or is not awake for, is checked here.
      if (handed - Atomics.load(done, 0) >= UNDER_WAY)
        return Promise.resolve(nodeVerifyEngine.verify(publicKey, message, signature));
      return new Promise((resolve) => {
        batch.push({ publicKey, message, signature, resolve });
        if (batch.length === BATCH) flush();
        else if (batch.length === 1) setImmediate(flush);
      });
    },
  };
}
