/** Whether one device reaches another, found out by doing it: `--listen` on one, `--reach` on the other. */
import { AuthsError } from '@auths/core/errors';
import type { Context } from '../command.ts';
import { socketAddress, urlHost, type LanAddress } from '../lan/addresses.ts';
import { createNeighbourTransport } from '../lan/http-transport.ts';
import { interfaceAddresses } from '../lan/interfaces.ts';
import { createMdns } from '../lan/mdns.ts';
import { obstacleOf, obstacleWords, type ObstacleKind } from '../pairing/obstacle.ts';
import { failed, ok, warning, type Finding } from './finding.ts';
import { createCheck, proofOf, reachName, reachText, scopesOf, type ReachAddress } from './reach-address.ts';
import { listenForReach, REACH_PATH } from './reach-listener.ts';

/** An honest announcement has been heard, and asked for three times, by then. */
const HEAR_MS = 4_000;
const RELAY = 'auths pair --registry URL, with one auths-registry that both devices reach';

/** Waits for the call of another device. The port must be free: `network/unreachable` else. */
export async function listenToBeReached(
  context: Context,
  at: { readonly address: LanAddress; readonly port: number },
  waitMs: number,
): Promise<readonly Finding[]> {
  const { random, signal, note } = context;
  const check = createCheck(random);
  const listener = await listenForReach(at.address, at.port, check);
  let announcement: { readonly withdraw: () => Promise<void> } | null = null;
  try {
    const service = { nameplate: reachName(check), port: listener.port, address: at.address };
    const muted = await createMdns(random)
      .advertise(service)
      .then((made) => {
        announcement = made;
        return null;
      })
      .catch((error: unknown) => (error as Error).message);
    const where = reachText(at.address, listener.port, check);
    note(`On the other device: auths doctor --network --reach ${where}`);
    note(`Waiting ${Math.round(waitMs / 1000)} s for its call …`);
    const from = await listener.called(waitMs, signal);
    return [
      ...(muted === null
        ? []
        : [warning('mdns', `could not announce this check: ${muted}`, 'auths pair --no-mdns')]),
      from === null
        ? unreached(waitMs, listener.strangers)
        : ok('reach', `${from} has reached this device on port ${listener.port}`),
    ];
  } finally {
    await (announcement as { readonly withdraw: () => Promise<void> } | null)?.withdraw();
    await listener.close();
  }
}

function unreached(waitMs: number, strangers: ReadonlySet<string>): Finding {
  const others =
    strangers.size === 0
      ? 'nothing came in at all'
      : `${[...strangers].join(', ')} called with another check, so connections do come in`;
  return failed(
    'reach',
    `not reached in ${Math.round(waitMs / 1000)} s: ${others}; the other device says what stopped its call`,
    strangers.size === 0 ? RELAY : 'auths doctor --network --listen',
  );
}

/** Calls the address: first listens for its announcement, which ends when it has been called. */
export async function reachOut(context: Context, target: ReachAddress): Promise<readonly Finding[]> {
  const heard = await hears(context, target.check);
  const own = interfaceAddresses()
    .filter(({ address, family }) => family === 6 && /^fe80:/i.test(address))
    .map(({ interface: name }) => name);
  const scopes = scopesOf(target.address, [...new Set(own)]);
  let last: Finding | null = null;
  for (const scope of scopes.length === 0 ? [null] : scopes) {
    last = await call(context, target, scope);
    if (last.status === 'ok') break;
  }
  return [heard, ...(last === null ? [] : [last])];
}

async function hears({ random, signal }: Context, check: string): Promise<Finding> {
  const enough = AbortSignal.any([signal, AbortSignal.timeout(HEAR_MS)]);
  try {
    for await (const { sender } of createMdns(random).browse(reachName(check), enough))
      return ok('mdns', `the announcement of the other device arrives here, from ${sender}`);
  } catch (error) {
    return warning(
      'mdns',
      `this device cannot listen for announcements: ${(error as Error).message}`,
      'auths pair --join CODE --host URL, with the address that the host shows',
    );
  }
  signal.throwIfAborted();
  return warning(
    'mdns',
    'the announcement of the other device does not arrive here: devices will not find each other by the code alone',
    'auths pair --join CODE --host URL, with the address that the host shows',
  );
}

async function call(
  { signal }: Context,
  { address, port, check }: ReachAddress,
  scope: string | null,
): Promise<Finding> {
  const [bare = ''] = address.split('%');
  const family = bare.includes(':') ? 6 : 4;
  const where = `${urlHost(bare)}:${port}`;
  try {
    const transport = createNeighbourTransport({ address: bare, family, scope }, port);
    const { status, body } = await transport.send({ method: 'GET', path: `${REACH_PATH}${check}` }, signal);
    const { proof, from } = (body ?? {}) as { readonly proof?: unknown; readonly from?: unknown };
    if (status === 200 && proof === proofOf(check))
      return ok('reach', `${where} is reached from here${typeof from === 'string' ? `, as ${from}` : ''}`);
    return failed(
      'reach',
      `${where} answers, and is not the listener with this check: it has ended, or another program has the port`,
      'auths doctor --network --listen, on the other device',
    );
  } catch (error) {
    const obstacle = obstacleOf(error);
    if (obstacle === null) throw error;
    return failed(
      'reach',
      `${socketAddress({ address: bare, scope })} port ${port}: ${obstacleWords(obstacle.kind)}${CAUSES[obstacle.kind]}`,
      RELAY,
    );
  }
}

/** What each outcome tells about the way there; only what it does tell. */
const CAUSES: Readonly<Record<ObstacleKind, string>> = {
  refused: '; the way is open, the listener has ended there or a firewall says no in its name',
  silent: '; something on the way drops the call: a firewall there, or a router that isolates its clients',
  absent: '; it is off, asleep, on another network, or the router isolates its clients',
  'no-route': '; connect both devices to the same network',
  'unknown-name': '',
  'filtered-here': ': a firewall or a permission here',
  other: '; what answers there does not speak auths',
};

/** Both sides at once, or a time that is no time: `usage/invalid`. */
export function reachFlags(flags: {
  readonly listen: boolean;
  readonly reach: string | undefined;
  readonly timeout: string | undefined;
}): number {
  if (flags.listen && flags.reach !== undefined) {
    throw new AuthsError('usage/invalid', '--listen and --reach are the two sides of one check', {
      hint: 'auths doctor --network --listen here, auths doctor --network --reach ADDRESS on the other device',
    });
  }
  if (flags.timeout !== undefined && !flags.listen) {
    throw new AuthsError('usage/invalid', '--timeout is how long --listen waits', {
      hint: 'auths doctor --network --listen --timeout 120',
    });
  }
  const seconds = flags.timeout ?? '120';
  if (!/^[1-9]\d{0,3}$/.test(seconds)) {
    throw new AuthsError('usage/invalid', `--timeout ${seconds} is not a number of seconds`, {
      hint: 'auths doctor --network --listen --timeout 120',
    });
  }
  return Number(seconds) * 1_000;
}
