/**
 * A program for the third machine: listens, looks at ports, or does harm. Its task is JSON in argv; what happens to it
 * it prints, one JSON object a line.
 */
import { createECDH, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { announcement, read, response } from './dns.ts';

/** How an impostor behaves once somebody has come to it. */
export type Manner = 'rejects' | 'garbles' | 'says nothing' | 'talks without end';

export type Task =
  | { readonly do: 'listen'; readonly own: string }
  | { readonly do: 'watch'; readonly host: string; readonly port: number }
  | {
      readonly do: 'deceive';
      readonly own: string;
      readonly nameplate: string;
      readonly manner: Manner;
      /** Its own, or the true host's instance name with its own address. */
      readonly instances: readonly string[];
    }
  | { readonly do: 'flood'; readonly own: string; readonly nameplate: string };

const GROUP = '224.0.0.251';
const PORT = 5353;

function say(what: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ v: 1, at: Date.now(), ...what })}\n`);
}

async function multicast(own: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  await new Promise<void>((resolve) => socket.bind(PORT, '0.0.0.0', resolve));
  socket.addMembership(GROUP, own);
  socket.setMulticastInterface(own);
  socket.setMulticastTTL(255);
  return socket;
}

async function listen(own: string): Promise<void> {
  const socket = await multicast(own);
  socket.on('message', (message, { address }) => {
    if (address !== own) say({ event: 'heard', from: address, ...read(message) });
  });
  say({ event: 'ready' });
}

/** Tells when a port opens and closes, looked at twenty times a second. */
function watch(host: string, port: number): void {
  let open: boolean | null = null;
  const told = (now: boolean): void => {
    if (now !== open) say({ event: now ? 'open' : 'closed' });
    open = now;
  };
  setInterval(() => {
    const socket = connect({ host, port, timeout: 500 });
    socket.once('connect', () => {
      told(true);
      socket.destroy();
    });
    socket.once('error', () => told(false));
    socket.once('timeout', () => {
      told(false);
      socket.destroy();
    });
  }, 50);
}

async function deceive(task: Extract<Task, { readonly do: 'deceive' }>): Promise<void> {
  const server = createServer((request, answer) => impostor(task.manner, task.nameplate, request, answer));
  await new Promise<void>((resolve) => server.listen(0, task.own, resolve));
  const { port } = server.address() as AddressInfo;
  const { nameplate, own: address } = task;
  const socket = await multicast(address);
  const messages = task.instances.map((instance) =>
    response(announcement({ instance, nameplate, port, address })),
  );
  const shout = (): void => {
    for (const message of messages) socket.send(message, PORT, GROUP);
  };
  // Before anybody asks, and again as soon as somebody does.
  setInterval(shout, 20);
  socket.on('message', (_message, from) => {
    if (from.address !== address) shout();
  });
  say({ event: 'ready' });
}

/** A host that was never given the code: its offer looks right, what it proves does not. */
function impostor(manner: Manner, nameplate: string, request: IncomingMessage, answer: ServerResponse): void {
  const path = request.url ?? '';
  const body = (status: number, content: unknown): void => {
    answer.writeHead(status, { 'content-type': 'application/json' });
    answer.end(JSON.stringify(content));
  };
  request.resume();
  say({ event: 'asked', path });
  if (manner === 'says nothing') return;
  if (manner === 'talks without end') {
    answer.writeHead(200, { 'content-type': 'application/json' });
    const more = setInterval(() => answer.write('x'.repeat(65_536)), 1);
    answer.once('close', () => clearInterval(more));
    return;
  }
  const session_id = 'ab'.repeat(16);
  if (path.includes('/by-code/')) {
    const point = createECDH('prime256v1');
    const { publicKey } = generateKeyPairSync('x25519');
    const token = {
      v: 1,
      kind: 'short6',
      attempt: 0,
      nameplate,
      ephemeral_pubkey: publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64url'),
      host_commit: randomBytes(32).toString('base64url'),
      expires_at: Math.floor(Date.now() / 1000) + 250,
      pake_msg: point.generateKeys().toString('base64url'),
    };
    body(200, { session_id, status: 'pending', ttl_seconds: 300, token });
  } else if (path.endsWith('/response')) {
    say({ event: 'guess' });
    body(200, { session_id, status: 'responded', ttl_seconds: 300 });
  } else if (manner === 'rejects') body(200, { attempt: 0, result: 'reject' });
  else {
    const [pake_confirm, sealed] = [randomBytes(32), randomBytes(1_040)].map((bytes) =>
      bytes.toString('base64url'),
    );
    body(200, { attempt: 0, result: 'ok', pake_confirm, sealed });
  }
}

/** All that a reader of packets may trip over, as fast as it goes out. */
async function flood(own: string, nameplate: string): Promise<void> {
  const socket = await multicast(own);
  let turn = 0;
  const next = (): Buffer => {
    turn += 1;
    const instance = turn.toString(16).padStart(8, '0');
    const honest = announcement({ instance, nameplate, port: 9, address: own });
    const many = Array.from({ length: 40 }, (_, i) =>
      announcement({
        instance: ((turn * 40 + i) % 2 ** 32).toString(16).padStart(8, 'f'),
        nameplate: i % 2 === 0 ? nameplate : 'ZZ',
        port: (i % 1_000) + 1,
        address: own,
      }),
    ).flat();
    const junk: readonly (() => Buffer)[] = [
      () => response(honest.filter(({ type }) => type !== 'A')),
      () => response(many).subarray(0, 8_900),
      () => randomBytes(1 + (turn % 1_400)),
      // A name that points to itself, and one that points past the end.
      () => Buffer.from('000084000000000100000000c00c000c000100000078000cc00cc00cc00cc00cc00cc00c', 'hex'),
      () => Buffer.from('000084000000000100000000ffff000c00010000007800020000', 'hex'),
      // Counts that promise 65,535 records.
      () => Buffer.concat([Buffer.from('00008400ffffffffffffffff', 'hex'), response(honest).subarray(12)]),
      () => response(honest).subarray(0, response(honest).length - 5),
      () =>
        response([
          {
            name: `${instance}._auths-pair._tcp.local`,
            type: 'TXT',
            ttl: 120,
            data: Buffer.alloc(8_000, 255),
          },
        ]),
      () => response(announcement({ instance, nameplate: `${nameplate}\u0000`, port: 9, address: own })),
      () => Buffer.alloc(0),
    ];
    return (junk[turn % junk.length] as () => Buffer)();
  };
  const shout = (): void => {
    for (let i = 0; i < 20; i += 1) socket.send(next(), PORT, GROUP, () => {});
    setTimeout(shout, 5);
  };
  shout();
  say({ event: 'ready' });
}

const task = JSON.parse(process.argv[2] ?? '') as Task;
switch (task.do) {
  case 'listen':
    await listen(task.own);
    break;
  case 'watch':
    watch(task.host, task.port);
    break;
  case 'deceive':
    await deceive(task);
    break;
  case 'flood':
    await flood(task.own, task.nameplate);
    break;
}
