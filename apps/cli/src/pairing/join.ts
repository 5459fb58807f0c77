/** `auths pair --join`: what was typed → who is meant → flow → this device set up. */
import { AuthsError, hasCode } from '@auths/core/errors';
import { cleanDeviceName } from '@auths/core/attestation/attestation';
import { formatTime } from '@auths/core/encoding/time';
import { pairJoin, type JoinResult, type PairJoinCallbacks } from '@auths/core/flows/pair-join';
import type { JoinInput } from '@auths/core/pairing/uri';
import { recordMachine } from '@auths/key-store/machine';
import type { CommandResult, Context } from '../command.ts';
import { keychainKind, openKeys, openStores, type Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import type { GitChoice } from '../git-in-force.ts';
import { makeHomeFolder } from '../home/home-folder.ts';
import { withInitLock } from '../home/home-lock.ts';
import { interfaceAddresses } from '../lan/interfaces.ts';
import { hostSeenScreen, joinerPairedText } from '../views/pair.ts';
import { defaultDeviceName } from '../commands/init.ts';
import { askJoiner } from './consent.ts';
import { explain, type Situation } from './explain.ts';
import type { JoinSettings } from './flags.ts';
import { endpointOf, readInput, retype } from './join-input.ts';
import { NOT_FOUND_YET, relayAt, searchLan, type Search } from './find-host.ts';
import { chooseGit, setUpDevice } from './joined-device.ts';
import { joinerHome } from './joiner-home.ts';
import { nativeCrypto } from './native-crypto.ts';

/** Until a host answers: mDNS is asked for 15 s, an address for 30. */
const SEARCH_MS = 15_000;
const ANSWER_MS = 30_000;

/** Joins the identity whose code, QR text or link `given` is; `-` reads it from stdin. */
export async function runJoin(
  context: Context,
  settings: JoinSettings,
  given: string,
): Promise<CommandResult> {
  await refuseController(context);
  const input = await readInput(context, settings, given);
  const name = cleanDeviceName(settings.name ?? defaultDeviceName());
  const git = await chooseGit(context, settings.git);
  await needPassphrase(context);
  makeHomeFolder(context.home);
  return withInitLock(context.home, async () => {
    const stores = await openStores(context, { create: true });
    try {
      return await join(context, settings, stores, { input, name, git });
    } finally {
      await stores.close();
    }
  });
}

interface Plan {
  readonly input: JoinInput;
  readonly name: string;
  readonly git: GitChoice;
}

async function join(
  context: Context,
  settings: JoinSettings,
  stores: Stores,
  plan: Plan,
): Promise<CommandResult> {
  const fresh = (await (await openKeys(context)).list()).length === 0;
  const keys = await openKeys(context, { newPassphrase: fresh });
  if (stores.identity === null) await recordMachine(context.home);
  const { clock, random } = context;
  const home = joinerHome({ stores, keys, random, clock });
  const endpoint = endpointOf(settings, plan.input);
  const searches: Search[] = [];
  const situation: Situation = {
    side: 'join',
    mode: settings.registry === null ? 'lan' : 'registry',
    endpoint,
    connected: interfaceAddresses().some(({ internal }) => !internal),
  };
  const world = { clock, random, engine: verifyEngine, ...nativeCrypto };
  const finish = async (
    result: Pick<JoinResult, 'deviceName' | 'controllerDid'>,
    capabilities: readonly string[],
  ): Promise<GitChoice> =>
    setUpDevice(context, stores, {
      ...result,
      publicKey: (await home.deviceKey({ renew: false })).publicKey,
      capabilities,
      git: plan.git,
    });
  try {
    const result = await pairJoin(
      {
        ...world,
        home,
        relaysFor: async (input) => {
          if (endpoint !== null || input.kind !== 'code')
            return [relayAt(endpoint ?? endpointOf(settings, input) ?? '', settings.hostZone)];
          context.note('Looking for the host on this network …');
          const search = searchLan((await import('../lan/mdns.ts')).createMdns(random), input);
          searches.push(search);
          return search.relays;
        },
      },
      {
        input: plan.input,
        deviceName: plan.name,
        ask: context.terminal.interactive && !context.globals.yes,
        timeoutMs: settings.timeoutMs ?? (endpoint === null ? SEARCH_MS : ANSWER_MS),
        ...(settings.expectHost === null ? {} : { expectHost: settings.expectHost }),
      },
      callbacksOf(context, settings, situation),
      context.signal,
    );
    const git = await finish(result, result.attestation.capabilities);
    return report(context, result, git);
  } catch (error) {
    if (hasCode(error, 'pairing/pending')) await finishPending(context, stores, plan.name, finish);
    throw explain(error, situation);
  } finally {
    for (const search of searches) search.stop();
  }
}

/** Stored but not confirmed: git is set up all the same, so that `auths sync` has nothing left to do here. */
async function finishPending(
  context: Context,
  stores: Stores,
  deviceName: string,
  finish: (
    result: Pick<JoinResult, 'deviceName' | 'controllerDid'>,
    capabilities: readonly string[],
  ) => Promise<unknown>,
): Promise<void> {
  const { readIdentityDocument } = await import('@auths/git-store/identity-document');
  const identity = await readIdentityDocument(stores.home);
  if (identity === null) return;
  await finish({ deviceName, controllerDid: identity.controller_did }, ['sign_commit']).catch(
    (error: unknown) => {
      context.note(`This device could not be set up fully: ${(error as Error).message}`);
    },
  );
}

function callbacksOf(context: Context, settings: JoinSettings, situation: Situation): PairJoinCallbacks {
  const { screen, globals, terminal } = context;
  return {
    onOffer: ({ kind, sessionId, endpoint, expiresAt }) => {
      if (globals.json) {
        context.emit({
          event: 'offer',
          kind,
          session_id: sessionId,
          endpoint,
          expires_at: formatTime(expiresAt),
        });
      }
      screen.write(`Found a host at ${endpoint}\n`);
    },
    onSas: ({ sas, controllerDid, capabilities }) => {
      if (globals.json) {
        context.emit({ event: 'sas', sas, controller_did: controllerDid, capabilities });
      }
      screen.write(hostSeenScreen({ sas, controllerDid, capabilities }, screen.style));
    },
    confirm: (sas, signal) => askJoiner(context, sas, signal),
    onCandidateFailed: (endpoint, error) => {
      // Nobody was found is said by the end of the command, not of a host that was.
      if (settings.registry === null && settings.host === null && endpoint !== NOT_FOUND_YET) {
        const { message } = explain(error, situation) as Error;
        screen.write(
          message.startsWith(endpoint) ? `${message}\n` : `${endpoint} is not the host: ${message}\n`,
        );
      }
    },
    ...(terminal.interactive ? { retype: (error) => retype(context, settings, error) } : {}),
  };
}

function report(context: Context, result: JoinResult, git: GitChoice): CommandResult {
  const { attestation, controllerDid, deviceDid, deviceName } = result;
  if (context.globals.json) {
    context.emit({
      event: 'paired',
      controller_did: controllerDid,
      device_did: deviceDid,
      device_name: deviceName,
      attestation,
    });
    return { data: null, text: '', written: true };
  }
  const already = result.status === 'already';
  const { capabilities, expires_at } = attestation;
  const expiresAt = expires_at ?? null;
  const view = { deviceName, deviceDid, controllerDid, capabilities, expiresAt, git, already };
  return { data: null, text: joinerPairedText(view, context.style) };
}

async function refuseController(context: Context): Promise<void> {
  const { readIdentityView } = await import('../home/identity-view.ts');
  const view = await readIdentityView(context.home);
  if (view === null || view.role !== 'controller') return;
  throw new AuthsError(
    'identity/exists',
    `this home controls ${view.controllerDid}, so it cannot become a device of another`,
    {
      hint: 'use another home for that: AUTHS_HOME=~/.auths-second auths pair --join …',
      details: { controller_did: view.controllerDid },
    },
  );
}

/** No passphrase and nobody to ask: said before anything is written. */
async function needPassphrase(context: Context): Promise<void> {
  if ((await keychainKind(context)) === 'file' && context.terminal.passphraseSource() === null) {
    await context.terminal.passphrase('');
  }
}
