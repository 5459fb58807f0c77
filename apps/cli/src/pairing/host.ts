/** `auths pair` on the authority: settings → way → flow → what people and scripts see of it. */
import { formatTime } from '@auths/core/encoding/time';
import {
  pairHost,
  type HostOffer,
  type PairHostCallbacks,
  type PairHostOptions,
} from '@auths/core/flows/pair-host';
import type { CommandResult, Context } from '../command.ts';
import { withAuthority } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { offerScreen } from '../views/offer.ts';
import { attemptLine, hostPairedText, joinedScreen } from '../views/pair.ts';
import { canAskHost, hostAsker, typingTries } from './consent.ts';
import { startCountdown, type Countdown } from './countdown.ts';
import { explain } from './explain.ts';
import type { HostSettings } from './flags.ts';
import { hostInSight } from './host-identity.ts';
import { openHostWay, type HostWay } from './host-way.ts';
import { nativeCrypto } from './native-crypto.ts';
import { noQr, qrFor } from './screen-qr.ts';

/** Pairs one device, or ends with the error by which the pairing ended; then nothing was granted. */
export async function runHost(context: Context, settings: HostSettings): Promise<CommandResult> {
  return withAuthority(context, 'pairing a device', async (stores) => {
    const { wipe, ...host } = await hostInSight(context, stores);
    const did = stores.identity.controller_did;
    const way = await openHostWay(context, settings);
    const show = createHostScreen(context, settings, way, did);
    try {
      const world = {
        clock: context.clock,
        random: context.random,
        engine: verifyEngine,
        ...nativeCrypto,
      };
      const paired = await pairHost(
        { ...world, ...host, relay: way.relay },
        optionsOf(context, settings, way),
        show.callbacks,
        context.signal,
      );
      const { writeAllowedSigners } = await import('../home/device-files.ts');
      await writeAllowedSigners(stores.home, did);
      if (context.globals.json) return { data: null, text: '', written: true };
      return {
        data: null,
        text: hostPairedText(
          {
            ...paired,
            controllerDid: did,
            capabilities: settings.capabilities,
            expiresAt: paired.attestation.expires_at ?? null,
          },
          context.style,
        ),
      };
    } catch (error) {
      throw explain(error, { side: 'host', mode: way.mode, endpoint: way.relay.endpoint, connected: true });
    } finally {
      show.end();
      await way.close();
      wipe();
    }
  });
}

function optionsOf(context: Context, settings: HostSettings, way: HostWay): PairHostOptions {
  const { expectDevice, deviceExpiresInMs } = settings;
  return {
    mode: way.mode,
    code: settings.code,
    qr: settings.qr,
    link: settings.link,
    ...(settings.registry?.startsWith('https:') === true ? { page: settings.registry } : {}),
    ttlSeconds: settings.ttlSeconds,
    capabilities: settings.capabilities,
    confirm: settings.confirm,
    yes: context.globals.yes,
    canAsk: canAskHost(context),
    sasTries: typingTries(context),
    timeoutMs: settings.timeoutMs,
    ...(expectDevice === null ? {} : { expectDevice }),
    ...(deviceExpiresInMs === null ? {} : { deviceExpiresInMs }),
  };
}

interface HostScreen {
  readonly callbacks: PairHostCallbacks;
  readonly end: () => void;
}

function createHostScreen(context: Context, settings: HostSettings, way: HostWay, did: string): HostScreen {
  const { screen, clock, globals, terminal } = context;
  let countdown: Countdown | null = null;
  const print = (text: string): void => {
    if (countdown === null) screen.write(text);
    else countdown.print(text);
  };
  const end = (): void => {
    countdown?.stop();
    countdown = null;
  };
  const { linger, holdUntil: onOpening } = way;
  const callbacks: PairHostCallbacks = {
    onOffer: async (offer) => {
      end();
      const { mdns, byCode } = (await way.announce(offer.nameplate)) ?? { mdns: null, byCode: true };
      if (globals.json) context.emit(offerEvent(offer, way.mode));
      const secondsLeft = Math.max(0, Math.round((offer.expiresAt - clock.now()) / 1000));
      const drawn = offer.uri === null ? noQr : qrFor(screen, offer.uri);
      screen.write(
        offerScreen(
          { ...offer, ...drawn, mode: way.mode, note: way.note, did, mdns, byCode, secondsLeft },
          screen,
        ),
      );
      // Without the code nobody could join: it is no progress and no hint.
      if (globals.quiet && offer.code !== null) terminal.show(offer.code);
      countdown = startCountdown(screen, clock, clock.monotonic() + secondsLeft * 1000);
    },
    onNotice: () => print('No short code is free at this registry at the moment: a longer one is used.\n'),
    onAttempt: ({ result, attemptsLeft }) => {
      if (globals.json) context.emit({ event: 'attempt', result, attempts_left: attemptsLeft });
      print(`${attemptLine(result, attemptsLeft, screen.style)}\n`);
    },
    onJoined: ({ kind, deviceDid, deviceName, sas, confirm }) => {
      end();
      if (globals.json) {
        context.emit({ event: 'joined', kind, device_did: deviceDid, device_name: deviceName, sas, confirm });
      }
      screen.write(
        joinedScreen({ deviceName, deviceDid, sas: confirm === 'type' ? null : sas }, screen.style),
      );
    },
    ask: hostAsker(context),
    onPaired: ({ deviceDid, deviceName, attestation }) => {
      if (!globals.json) return;
      context.emit({ event: 'paired', device_did: deviceDid, device_name: deviceName, attestation });
    },
    ...(linger === undefined ? {} : { linger }),
    ...(onOpening === undefined ? {} : { onOpening }),
    ...(terminal.interactive ? { renew: (why) => askForFresh(context, why, end) } : {}),
  };
  return { callbacks, end };
}

async function askForFresh(
  context: Context,
  why: 'session-expired' | 'attempts-exhausted',
  end: () => void,
): Promise<boolean> {
  end();
  const what =
    why === 'session-expired' ? 'The code has expired.' : 'The code is used up: three wrong answers.';
  context.terminal.show(`${what} Press Enter for a fresh one, Ctrl+C to stop.`);
  return (await context.terminal.readLine()) !== null;
}

/** The event `offer` of cli.md, "Pairing under --json". */
export function offerEvent(
  offer: HostOffer,
  mode: 'lan' | 'registry' | 'offline',
): { readonly event: string } {
  return {
    event: 'offer',
    kind: offer.kind,
    code: offer.code,
    session_id: offer.sessionId,
    mode,
    endpoint: offer.endpoint,
    uri: offer.uri,
    link: offer.link,
    expires_at: formatTime(offer.expiresAt),
    capabilities: offer.capabilities,
  } as { readonly event: string };
}
