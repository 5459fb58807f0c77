/** `auths-registry`: reads the settings, starts the server, says where it is reachable, drains on SIGTERM. */
import { homedir, networkInterfaces } from 'node:os';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { AuthsError } from '@auths/core/errors';
import { createMemoryLimiter } from '@auths/pairing-http/memory-limiter';
import { createMemorySessions } from '@auths/pairing-http/memory-sessions';
import { createApp } from './app.ts';
import { parseArguments } from './arguments.ts';
import { systemClock } from './clock.ts';
import { describeConfig, parseConfig } from './config.ts';
import type { RegistryConfig, RegistryFlags } from './config.ts';
import { prepareRepository, repositoryPath, repositoryWritable } from './repository.ts';
import { reachableAt } from './reachable.ts';
import { createWindowLimiter } from './witness/limiter.ts';
import { openWitness, witnessPassphrase, type Witness } from './witness/open.ts';

declare const AUTHS_VERSION: string | undefined;
const version = typeof AUTHS_VERSION === 'string' ? AUTHS_VERSION : '0.1.0';

/** Running long-polls are answered at once; what else is open gets this long. */
const DRAIN_MS = 8_000;

async function main(): Promise<void> {
  const invocation = parseArguments(process.argv.slice(2), version);
  if (!invocation.run) {
    process.stdout.write(invocation.text);
    return;
  }
  const config = parseConfig(invocation.flags, process.env, homedir());
  say(`auths-registry ${version}`, ...describeConfig(config));
  await prepareRepository(config.repo.value, process.env['PATH'] ?? '').then(
    () => say(`  directory        ${repositoryPath(config.repo.value)}`),
    // The relay needs no repository: it runs, and /ready says what is missing.
    (error: unknown) => say(`warning: no identity directory: ${(error as Error).message}`),
  );
  await serve(config, config.witness.value ? await openedWitness(config, invocation.flags) : null);
}

async function openedWitness(config: RegistryConfig, flags: RegistryFlags): Promise<Witness> {
  const passphrase = await witnessPassphrase(flags.passphraseFile, process.env);
  const witness = await openWitness(config.repo.value, passphrase);
  say(`  witness          ${witness.aid}`);
  return witness;
}

async function serve(config: RegistryConfig, witness: Witness | null): Promise<void> {
  const draining = new AbortController();
  const limits = config.limits.value;
  const app = await createApp({
    pairing: {
      store: createMemorySessions({ clock: systemClock, limits }),
      limiter: createMemoryLimiter({ clock: systemClock, limits }),
      limits,
      clock: systemClock,
      mayCreate: 'anyone',
    },
    cors: config.cors.value,
    trustProxy: config.trustProxy.value,
    allowHosts: config.allowHosts.value,
    ready: () => repositoryWritable(config.repo.value),
    draining: draining.signal,
    logger: pino({ level: config.logLevel.value, base: null, timestamp: pino.stdTimeFunctions.isoTime }),
    version,
    ...(witness === null
      ? {}
      : {
          witness: {
            witness,
            events: createWindowLimiter(systemClock, { calls: limits.eventsPerMinute, windowMs: 60_000 }),
            identities: createWindowLimiter(systemClock, {
              calls: limits.identitiesPerHour,
              windowMs: 3_600_000,
            }),
          },
        }),
  });
  const { host, port } = config.bind.value;
  await app.listen({ host, port, listenTextResolver: () => 'listening' }).catch((cause: unknown) => {
    throw new AuthsError(
      'network/unreachable',
      `cannot listen on ${host}:${port}: ${(cause as Error).message}`,
      {
        hint: 'is another program on that port? choose one with --bind ADDR:PORT',
        details: { url: `http://${host}:${port}` },
        cause,
      },
    );
  });
  const stop = (): void => {
    if (draining.signal.aborted) return;
    say('draining: no new sessions, running requests are answered');
    draining.abort();
    // Idle keep-alive connections are closed by close(); busy ones are given their time, then cut.
    const cut = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
    cut.unref();
    void app
      .close()
      .then(() => witness?.close())
      .finally(() => clearTimeout(cut));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Last: whoever reads this may send a signal at once.
  say(
    ...reachableAt(app.addresses() as AddressInfo[], networkInterfaces()).map((url) => `reachable at ${url}`),
    'Ctrl+C stops it',
  );
}

/** Start and stop are told to the person on stderr; the structured log is stdout's. */
function say(...lines: readonly string[]): void {
  process.stderr.write(lines.map((line) => `${line}\n`).join(''));
}

const exitCodes: Readonly<Record<string, number>> = {
  'usage/invalid': 2,
  'key/passphrase-required': 2,
  'input/unreadable': 2,
  'network/unreachable': 4,
  'key/wrong-passphrase': 7,
  'storage/corrupt': 7,
  'storage/failed': 7,
  'storage/locked': 7,
};

main().catch((error: unknown) => {
  if (error instanceof AuthsError) {
    say(`auths-registry: ${error.message}`, ...(error.hint === undefined ? [] : [`  ${error.hint}`]));
    process.exitCode = exitCodes[error.code] ?? 70;
    return;
  }
  say(
    `auths-registry: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  process.exitCode = 70;
});
