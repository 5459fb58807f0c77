/** The checks of `auths doctor`, each a question with a yes or no and, where possible, a repair. */
import { chmod, lstat, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '@auths/core/errors';
import { linkAnew } from '@auths/core/flows/own-devices';
import type { DidKey } from '@auths/core/identifiers';
import { gitVersion } from '@auths/git-store/git';
import { mendHomeFiles } from '@auths/git-store/home-files';
import { beginAgain, lostPart } from '@auths/git-store/home-parts';
import { IDENTITY_REF } from '@auths/git-store/ref-files';
import { readFileBounded } from '@auths/key-store/atomic-file';
import { nextKitPath, readRecoveryKitOwner } from '@auths/key-store/recovery-kit';
import { checkMachine, recordMachine, settleMachine, type MachineVerdict } from '@auths/key-store/machine';
import type { Context } from '../command.ts';
import { homeFiles } from '../composition.ts';
import { readDeviceKey } from '../home/device-key.ts';
import { recoveryState, statusOf } from '../home/home-report.ts';
import { readIdentityView } from '../home/identity-view.ts';
import { lostIdentity } from '../home/lost-identity.ts';
import { withInitLock } from '../home/home-lock.ts';
import { readWitnesses } from '../witnesses/known-witnesses.ts';
import { TAKE_ANSWER, waitsForAnswer } from '../pairing/own-request.ts';
import { checkRefs, hasLostDocument } from './broken-refs.ts';
import { failed, fixed, ok, warning, type Finding } from './finding.ts';
import { checkLocks } from './locks.ts';
import { checkDerived, checkLog, checkTemporaryFiles } from './leftovers.ts';
import { checkDeviceKey, checkIdentityKey } from './own-keys.ts';
import { checkAllowList, checkChannels, checkStranded } from './paired.ts';
import { toAuthsError } from '../output.ts';
import { roundTrip } from './round-trip.ts';
import { checkUnfinished } from './unfinished.ts';
import { asideIfUnreadable } from './unreadable.ts';

const MAX_KIT = 64 << 20;

/** Every check, in order; one that cannot be made does not stop the others. */
export async function runChecks(
  context: Context,
  options: { readonly fix: boolean },
): Promise<readonly Finding[]> {
  const checks: readonly [string, (context: Context, fix: boolean) => Promise<readonly Finding[]>][] = [
    ['git', gitIsThere],
    ['environment', environment],
    ['home', permissions],
    ['repository', repository],
    ['locks', checkLocks],
    ['leftovers', checkTemporaryFiles],
    ['refs', checkRefs],
    ['log', checkLog],
    ['unfinished', checkUnfinished],
    ['witnesses', witnesses],
    ['device key', checkDeviceKey],
    ['identity', identity],
    ['identity key', checkIdentityKey],
    ['machine', machine],
    ['paired devices', checkAllowList],
    ['paired devices', checkChannels],
    ['derived files', checkDerived],
    ['paired devices', checkStranded],
    ['recovery kit', nextKit],
    ['recovery kit', recoveryKit],
    ['signing', async (each) => [await roundTrip(each)]],
  ];
  const findings: Finding[] = [];
  for (const [check, run] of checks) {
    try {
      findings.push(...(await run(context, options.fix)));
    } catch (error) {
      const { message: detail, hint = null } = toAuthsError(error);
      findings.push(failed(check, detail, options.fix ? hintAfterFix(context, hint, findings) : hint));
    }
  }
  return findings;
}

/** What has just been tried in vain is no way out: that is what an earlier finding says, else to begin again. */
function hintAfterFix(context: Context, hint: string | null, before: readonly Finding[]): string | null {
  if (hint !== 'auths doctor --fix') return hint;
  return before.some((one) => one.status === 'failed' && one.hint !== null) ? null : beginAgain(context.home);
}

async function gitIsThere(): Promise<readonly Finding[]> {
  return [ok('git', `version ${gitVersion()}`)];
}

async function environment(context: Context): Promise<readonly Finding[]> {
  if (context.env['NODE_EXTRA_CA_CERTS'] === undefined) return [];
  return [
    warning(
      'environment',
      'NODE_EXTRA_CA_CERTS makes every start of Node several times slower',
      'unset it for auths',
    ),
  ];
}

/** The files without which git, and then everybody, takes the home for none. */
async function repository(context: Context, fix: boolean): Promise<readonly Finding[]> {
  const broken = await mendHomeFiles(context.home, fix);
  const findings = broken.map(({ detail }) =>
    fix ? fixed('repository', detail) : failed('repository', detail, 'auths doctor --fix'),
  );
  const lost = broken.length > 0 && !fix ? null : lostPart(context.home);
  return lost === null ? findings : [...findings, failed('repository', lost.message, lost.hint ?? null)];
}

/** Owner-only: the home 0700, the files that hold secrets 0600. */
async function permissions(context: Context, fix: boolean): Promise<readonly Finding[]> {
  const home = await modeOf(context.home);
  if (home === null) return [warning('home', `${context.home} does not exist`, 'auths init')];
  const findings: Finding[] = [];
  const wanted: [string, number][] = [[context.home, 0o700]];
  for (const name of ['keys.enc', 'recovery-kit.json', 'allow-list.json'])
    wanted.push([join(context.home, name), 0o600]);
  for (const [path, mode] of wanted) {
    const now = await modeOf(path);
    if (now === null || (now & 0o077) === 0) continue;
    if (fix) await chmod(path, mode);
    const detail = `${path} can be read by others (mode ${now.toString(8)})`;
    findings.push(fix ? fixed('home', detail) : failed('home', detail, 'auths doctor --fix'));
  }
  return findings.length > 0 ? findings : [ok('home', `${context.home} is yours alone`)];
}

async function identity(context: Context, fix: boolean): Promise<readonly Finding[]> {
  const view = await readIdentityView(context.home);
  if (view === null) {
    const lost = lostIdentity(context.home);
    if (lost !== null) throw lost;
    if (await hasLostDocument(context.home))
      return [failed('identity', `${IDENTITY_REF} is gone`, 'auths doctor --fix')];
    if (waitsForAnswer(context.home))
      return [
        warning(
          'identity',
          'none here yet: this home has asked for one and waits for the answer',
          TAKE_ANSWER,
        ),
      ];
    return [warning('identity', 'no identity here', 'auths init')];
  }
  const findings = [ok('identity', `${view.controllerDid}, ${view.sequence + 1} events`)];
  const did = readDeviceKey(context.home)?.did;
  const device = view.devices.find((each) => each.did === did);
  if (device === undefined) {
    const hint = view.role === 'controller' ? null : 'auths pair --join CODE';
    return [...findings, failed('device', 'the log does not know the device key of this home', hint)];
  }
  const status = statusOf(device, context.clock.now());
  const detail = device.fault ?? `${device.name} is ${status}`;
  if (status === 'active') return [...findings, ok('device', detail)];
  // An identity that was recovered elsewhere revokes the home that was lost; found again, that home joins as a new device.
  const again =
    view.role === 'controller' ? 'AUTHS_HOME=~/.auths-new auths pair --join CODE' : 'auths pair --join CODE';
  const hint = {
    revoked: `a new device key: ${again}`,
    expired: 'auths devices extend, where the identity is',
    provisional: device.fault === null ? null : recordsBack(device.did, fix),
  }[status];
  return [...findings, failed('device', detail, hint)];
}

/** What has been tried in vain is left out. */
function recordsBack(device: DidKey, fix: boolean): string {
  const elsewhere = `auths pull REMOTE from where the records were pushed; where none are, ${linkAnew(device)}`;
  return fix ? elsewhere : `auths doctor --fix, which finds those that lie here; else ${elsewhere}`;
}

async function machine(context: Context, fix: boolean): Promise<readonly Finding[]> {
  if ((await modeOf(context.home)) === null) return [];
  const found = await recordedMachine(context.home);
  if (found.verdict === 'same') return [ok('machine', 'this home was made here')];
  if (found.verdict === 'unrecorded') return [ok('machine', 'nothing recorded yet')];
  if (found.verdict === 'off') {
    return [warning('machine', 'this system has no machine id: a copied home cannot be noticed', null)];
  }
  const detail =
    found.verdict === 'moved'
      ? `this home was moved or copied from ${found.recordedPath}`
      : found.verdict === 'damaged'
        ? found.why
        : 'this home was copied from another machine; two machines that write one log fork it';
  if (!fix) return [failed('machine', detail, 'auths doctor --fix, if the other copy is no longer used')];
  const sure = await context.terminal.confirm(`${detail}. Is this the only one that goes on?`, '--yes');
  if (!sure) return [failed('machine', detail, 'pair this machine as a device of its own: auths pair')];
  if (found.verdict === 'damaged') await recordMachine(context.home);
  else await settleMachine(context.home);
  return [fixed('machine', `${detail}; this is the one that goes on`)];
}

/** The record may say nothing any more; then only the person knows whether the home is a copy. */
async function recordedMachine(
  home: string,
): Promise<MachineVerdict | { readonly verdict: 'damaged'; readonly why: string }> {
  try {
    return await checkMachine(home);
  } catch (error) {
    if (!hasCode(error, 'storage/corrupt')) throw error;
    return { verdict: 'damaged', why: `${error.message}, so nothing tells whether this home is a copy` };
  }
}

/** Every event of an identity with witnesses is sent to the addresses that stand there. */
async function witnesses({ home }: Context, fix: boolean): Promise<readonly Finding[]> {
  const found = await asideIfUnreadable(
    'witnesses',
    {
      read: () => readWitnesses(home),
      exclusively: (action) => withInitLock(home, action),
      lost: 'the address of each witness is noted again by auths id rotate --witness URL',
    },
    fix,
  );
  return found === null ? [] : [found];
}

/** Beside the kit the next rotation writes its own. */
async function nextKit({ home }: Context): Promise<readonly Finding[]> {
  const path = nextKitPath(homeFiles(home).kit);
  const facts = await lstat(path).catch(() => null);
  if (facts === null || facts.isFile()) return [];
  return [failed('recovery kit', `${path} is no file, and keeps the key from being rotated`, 'move it away')];
}

/** One that is damaged throws: it is no kit any more, and nobody is to rely on it. */
async function recoveryKit(context: Context): Promise<readonly Finding[]> {
  if (recoveryState(context.home) !== 'on-this-machine') return [];
  const { kit } = homeFiles(context.home);
  // Whether it opens only its passphrase tells: auths recovery check.
  readRecoveryKitOwner((await readFileBounded(kit, MAX_KIT)) ?? new Uint8Array(), kit);
  return [
    warning(
      'recovery kit',
      'it is still on this machine: whoever steals the machine has it too',
      'auths recovery export --output FILE',
    ),
  ];
}

async function modeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mode & 0o777;
  } catch {
    return null;
  }
}
