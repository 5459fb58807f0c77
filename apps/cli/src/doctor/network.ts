/** What `auths doctor --network` finds out about this machine alone: its address, multicast by each interface, the port. */
import { connect } from 'node:net';
import { isAuthsError } from '@auths/core/errors';
import type { Context } from '../command.ts';
import {
  boundAddress,
  chooseLanAddress,
  parseBind,
  socketAddress,
  urlHost,
  type LanAddress,
} from '../lan/addresses.ts';
import { interfaceAddresses } from '../lan/interfaces.ts';
import { mdnsEchoes, type Echo } from '../lan/mdns-echo.ts';
import { obstacleOf } from '../pairing/obstacle.ts';
import { failed, ok, warning, type Finding } from './finding.ts';
import { createCheck } from './reach-address.ts';
import { listenForReach } from './reach-listener.ts';

/** Where pairing listens: the address of `--bind`, checked as `auths pair` does, or the best one of this machine. */
export interface Place {
  readonly address: LanAddress;
  /** 0: any free one. */
  readonly port: number;
}

/** `usage/invalid` when `bind` is no address of this machine. */
export function placeOf(bind: string | undefined): Place {
  const own = interfaceAddresses();
  if (bind === undefined) return { address: chooseLanAddress(own), port: 0 };
  const { port, address } = parseBind(bind);
  return { address: boundAddress({ address, port }, own), port };
}

/** One finding for the address, one for each interface, one for the port. */
export async function checkNetwork(context: Context, place: Place): Promise<readonly Finding[]> {
  const [echoes, port] = await Promise.all([mdnsEchoes(context.random), checkPort(context, place)]);
  return [addressFinding(place), ...mdnsFindings(echoes), port];
}

function addressFinding({ address }: Place): Finding {
  if (address.loopback) {
    return warning(
      'network',
      'no local network: pairing would work on this machine only',
      'auths pair --registry URL',
    );
  }
  return ok('network', `pairing would listen on ${address.address} (${address.interface ?? 'no interface'})`);
}

const BY_HAND = 'auths pair --join CODE --host URL, with the address that the host shows';

/** Loopback only counts where there is nothing else: it always works and tells nothing of the network. */
function mdnsFindings(echoes: readonly Echo[]): readonly Finding[] {
  const network = echoes.filter(({ loopback }) => !loopback);
  const judged = network.length > 0 ? network : echoes;
  if (judged.length === 0) return [warning('mdns', 'no interface takes part in multicast', BY_HAND)];
  return judged.map((echo) => {
    const where = `${echo.interface} over IPv${echo.family}`;
    if (echo.outcome === 'heard') return ok('mdns', `an announcement on ${where} is heard back`);
    if (echo.outcome === 'silent') {
      return warning(
        'mdns',
        `an announcement on ${where} is sent and not heard back: this machine drops what comes in to UDP port 5353`,
        BY_HAND,
      );
    }
    return warning('mdns', `no announcement on ${where}: ${refusal(echo)}`, BY_HAND);
  });
}

function refusal({ errno, why }: Echo): string {
  switch (errno) {
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return 'it has no multicast route';
    case 'EPERM':
    case 'EACCES':
      return 'this machine does not let UDP port 5353 out';
    case 'EADDRINUSE':
      return 'another program has UDP port 5353 for itself alone';
    default:
      return why ?? 'the system gave no reason';
  }
}

/** Opens the port as pairing would, and calls it from this machine. */
async function checkPort({ random }: Context, { address, port }: Place): Promise<Finding> {
  const where = `${urlHost(address.address)}:${port}`;
  let listener;
  try {
    listener = await listenForReach(address, port, createCheck(random));
  } catch (error) {
    if (!isAuthsError(error) || obstacleOf(error) === null) throw error;
    const { code } = (error.cause ?? {}) as { readonly code?: unknown };
    const anyPort = `auths pair --bind ${urlHost(address.address)}`;
    if (code === 'EADDRINUSE')
      return failed('port', `${where} is taken by another program`, `${anyPort}, which takes any free port`);
    if (code === 'EACCES') return failed('port', `this person may not listen on ${where}`, `${anyPort}:8400`);
    return failed('port', error.message, anyPort);
  }
  try {
    const free = port === 0 ? ' (any free port)' : '';
    const opened = `${urlHost(address.address)}:${listener.port}${free}`;
    const trouble = await connected(socketAddress(address), listener.port);
    if (trouble === null) return ok('port', `pairing can listen on ${opened}, and this machine reaches it`);
    return failed(
      'port',
      `pairing can listen on ${opened}, and not even this machine reaches it: ${trouble}`,
      'auths pair --registry URL',
    );
  } finally {
    await listener.close();
  }
}

const OWN_CALL_MS = 3_000;

/** Null when a connection was made; why not, else. */
async function connected(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: OWN_CALL_MS });
    const end = (trouble: string | null): void => {
      socket.destroy();
      resolve(trouble);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end('no answer at all'));
    socket.once('error', (error) => end(error.message));
  });
}
