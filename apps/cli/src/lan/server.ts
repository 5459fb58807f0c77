/**
 * The pairing server of a LAN host: the shared routes on node:http, on one address of the local network
 * and on loopback, never on all interfaces (hostile-input E04).
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AuthsError } from '@auths/core/errors';
import type { PairingHttpDeps } from '@auths/pairing-http/http';
import { createPairingServer } from '@auths/pairing-http/node-http';
import { socketAddress, urlHost } from './addresses.ts';
import type { LanAddress } from './addresses.ts';
import { hostRule } from './host-rule.ts';

export interface LanServer {
  /** What a joiner types after `--host`: an http origin. */
  readonly endpoint: string;
  readonly port: number;
  /** Stops listening and lets running answers go out for at most half a second. Never fails. */
  readonly close: () => Promise<void>;
}

export interface LanServerOptions {
  readonly pairing: PairingHttpDeps;
  readonly address: LanAddress;
  /** 0: any free port. */
  readonly port: number;
  readonly hostName: string;
  /** Names of `--allow-host`. */
  readonly allowHosts: readonly string[];
}

/** A port that is free on one address may be taken on loopback; another draw finds one that is free on both. */
const DRAWS = 5;
const CLOSE_MS = 500;

/** Listens, or throws `network/unreachable` saying why it cannot. */
export async function startLanServer(options: LanServerOptions): Promise<LanServer> {
  const allowHost = hostRule(options.hostName, options.allowHosts);
  return listenOnLan(options, () => createPairingServer(options.pairing, { allowHost }));
}

/** The same for any server, which `create` makes once for each address. */
export async function listenOnLan(
  { address, port }: Pick<LanServerOptions, 'address' | 'port'>,
  create: () => Server,
): Promise<LanServer> {
  for (let draw = 1; ; draw += 1) {
    const servers: Server[] = [];
    try {
      servers.push(await listen(create(), socketAddress(address), port));
      const bound = portOf(servers[0]);
      if (!address.loopback) servers.push(await listen(create(), '127.0.0.1', bound));
      return {
        endpoint: `http://${urlHost(address.address)}:${bound}`,
        port: bound,
        close: async () => {
          await Promise.all(servers.map(close));
        },
      };
    } catch (cause) {
      await Promise.all(servers.map(close));
      if (port === 0 && draw < DRAWS && servers.length > 0) continue;
      const where = `${urlHost(address.address)}:${port}`;
      throw new AuthsError('network/unreachable', `cannot listen on ${where}: ${(cause as Error).message}`, {
        hint: 'choose another address or port with --bind ADDR:PORT',
        details: { url: `http://${where}` },
        cause,
      });
    }
  }
}

function portOf(server: Server | undefined): number {
  return (server?.address() as AddressInfo | null | undefined)?.port ?? 0;
}

async function listen(server: Server, host: string, port: number): Promise<Server> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return server;
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const cut = setTimeout(() => {
      server.closeAllConnections();
    }, CLOSE_MS);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
