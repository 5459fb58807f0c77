/** `auths devices revoke`: at once here and on live channels, at a verifier when the log reaches it. */
import type { ObjectName } from '@auths/core/attestation/attestation';
import { withHeader } from '@auths/core/commit/digests';
import { toHex } from '@auths/core/encoding/bytes';
import { decodeCesrFixed } from '@auths/core/encoding/cesr';
import { AuthsError } from '@auths/core/errors';
import { findDevice, ownDevices } from '@auths/core/flows/own-devices';
import { revokeDevice } from '@auths/core/flows/revoke-device';
import type { DidKey } from '@auths/core/identifiers';
import { digest } from '@auths/core/keri/said';
import { findRepository } from '@auths/git-store/repository';
import { badTarget } from '@auths/git-store/one-meaning';
import { commitOf } from '@auths/git-store/wanted-target';
import { withRevoking } from '../authority.ts';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { readDeviceKey } from '../home/device-key.ts';
import { readLogView } from '../home/identity-view.ts';
import { toAuthsError } from '../output.ts';
import { deviceJson } from '../views/devices.ts';
import { revokedView } from '../views/revoke.ts';

const REASONS = ['retired', 'lost', 'compromised'] as const;
type Reason = (typeof REASONS)[number];

export const devicesRevoke: CommandSpec = defineCommand({
  examples: [
    { command: 'auths devices revoke phone --reason lost', what: 'its earlier work is listed for review' },
    { command: 'auths devices revoke laptop --reason retired', what: 'its earlier work stays good' },
    {
      command: 'auths devices revoke desktop --reason compromised --good main',
      what: 'only what main holds stays good',
    },
  ],
  flags: {
    reason: {
      kind: 'value',
      hint: 'R',
      choices: REASONS,
      summary: 'why; lost and compromised are final for the key',
    },
    good: { kind: 'list', hint: 'REF', summary: 'a tip in this repository that is still vouched for' },
  },
  arguments: [{ name: 'DEVICE', summary: 'a name, an alias (<name>-key) or a did:key', required: true }],
  async run(context, { flags, words }) {
    const device = words[0] as string;
    const reason = flags.reason ?? (await askReason(context));
    const good = await objectNames(context, flags.good);
    return withRevoking(context, 'auths devices revoke', async (authority) => {
      const own = ownDevice(context);
      // The one that a person is asked about, whatever its name comes to mean while they think.
      const { devices } = await ownDevices(authority, authority.did);
      const { subject } = findDevice(devices, device);
      await confirm(context, device, reason, subject === own);
      const revoked = await revokeDevice(authority, authority.did, {
        device: subject,
        reason,
        ...(good.length > 0 ? { good } : {}),
      });
      const view = await readLogView(authority.stores.home, authority.did);
      const now = view.devices.find(({ did }) => did === revoked.device.subject);
      if (now === undefined)
        throw new AuthsError('internal/bug', 'the device is gone after its own revocation');
      const nextSteps = [
        ...(now.did === own ? WAY_BACK : []),
        {
          summary: 'in each repository with .auths/: put the revocation where verifiers look',
          command: 'auths repo update',
        },
        { summary: 'and send that commit to where they fetch from', command: 'git push' },
      ];
      const data = {
        controller_did: authority.did,
        device: deviceJson(now, own, context.clock.now()),
        sequence: revoked.sealedAt?.sequence ?? view.sequence,
        changed: revoked.record !== null,
        next_steps: nextSteps,
      };
      return { data, text: revokedView(context, data) };
    });
  },
});

/** Of this machine, to say so. A key file that cannot be read is in no revocation's way. */
function ownDevice(context: Context): DidKey | null {
  try {
    return readDeviceKey(context.home)?.did ?? null;
  } catch (error) {
    const { message, hint = 'auths doctor --fix' } = toAuthsError(error);
    context.note(`${message} → ${hint}`);
    return null;
  }
}

async function askReason(context: Context): Promise<Reason> {
  return context.terminal.choose<Reason>(
    'Why?',
    [
      { value: 'retired', label: 'retired', hint: 'no longer used; what it signed stays good' },
      { value: 'lost', label: 'lost', hint: 'what it signed is reviewed' },
      { value: 'compromised', label: 'compromised', hint: 'only what you vouch for stays good' },
    ],
    { flag: '--reason retired|lost|compromised', initial: 'retired' },
  );
}

/** The identity is still here, but the machine has no device to sign with, or to let others in with. */
const WAY_BACK = [
  {
    summary: 'this machine has no device now, and can let none in; to go on: write the identity out',
    command: 'auths id export --output me.auths',
  },
  {
    summary: 'and bring it to a new AUTHS_HOME, from the kit and that file: it makes a device of its own',
    command: 'auths id recover',
  },
];

/** A person is asked once more; a script said what it wanted. */
async function confirm(context: Context, device: string, reason: Reason, own: boolean): Promise<void> {
  if (!context.terminal.interactive || context.globals.yes) return;
  const final = reason === 'retired' ? '' : ' This is final for its key.';
  const itself = own
    ? ' It is the device of this machine, which then can neither sign nor let another one in.'
    : '';
  if (await context.terminal.confirm(`Revoke ${device} as ${reason}?${final}${itself}`, '--yes')) return;
  throw new AuthsError('interrupted', 'nothing was revoked');
}

/** Commits by id and by Blake3 of the raw object, so that a second object under the same SHA-1 is not vouched for. */
async function objectNames(context: Context, refs: readonly string[]): Promise<readonly ObjectName[]> {
  if (refs.length === 0) return [];
  const repository = await findRepository(context.cwd);
  try {
    const names: ObjectName[] = [];
    for (const ref of refs) {
      const object = await repository.objects.read(await commitOf(repository, ref, { isBase: true }));
      if (object === null) throw badTarget(ref, 'no such commit here');
      const { raw } = decodeCesrFixed(digest(withHeader(object.type, object.bytes)));
      names.push({ oid: object.oid, blake3: toHex(raw) });
    }
    return names;
  } finally {
    await repository.close();
  }
}
