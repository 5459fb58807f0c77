/** `auths devices rename` and `extend`. */
import { formatTime } from '@auths/core/encoding/time';
import { AuthsError } from '@auths/core/errors';
import { changeDevice, type ChangedDevice, type DeviceChange } from '@auths/core/flows/change-device';
import { withSealing } from '../authority.ts';
import { defineCommand, type CommandResult, type CommandSpec, type Context } from '../command.ts';
import { parseMoment } from '../duration.ts';
import { readDeviceKey } from '../home/device-key.ts';
import { readLogView } from '../home/identity-view.ts';
import { deviceJson } from '../views/devices.ts';
import { safeName, shortTime } from '../views/layout.ts';

const DEVICE = {
  name: 'DEVICE',
  summary: 'a name, an alias (<name>-key) or a did:key',
  required: true,
} as const;

export const devicesRename: CommandSpec = defineCommand({
  examples: [{ command: 'auths devices rename laptop old-laptop', what: 'the DID stays' }],
  flags: {},
  arguments: [DEVICE, { name: 'NAME', summary: 'the new name', required: true }],
  async run(context, { words }) {
    const [device, name] = words as readonly [string, string];
    return change(
      context,
      { device, name },
      'rename',
      ({ record }) => `${safeName(device)} is now called ${safeName(record.name ?? name)}`,
    );
  },
});

export const devicesExtend: CommandSpec = defineCommand({
  examples: [
    { command: 'auths devices extend phone --expires 90d', what: 'ninety days from now' },
    { command: 'auths devices extend phone --expires 2027-01-31T00:00:00Z', what: 'until then' },
  ],
  flags: { expires: { kind: 'value', hint: 'DURATION', summary: '90d, 12h, 30m, or an RFC 3339 time' } },
  arguments: [DEVICE],
  async run(context, { flags, words }) {
    if (flags.expires === undefined) {
      throw new AuthsError('usage/missing-answer', 'until when?', {
        hint: 'give --expires 90d',
        details: { flag: '--expires' },
      });
    }
    const expiresAt = parseMoment(flags.expires, context.clock.now(), '--expires');
    return change(
      context,
      { device: words[0] as string, expiresAt },
      'extend',
      ({ before }) => `${safeName(before.name)} is good until ${shortTime(formatTime(expiresAt))}`,
    );
  },
});

async function change(
  context: Context,
  wanted: DeviceChange,
  verb: string,
  say: (changed: ChangedDevice) => string,
): Promise<CommandResult> {
  return withSealing(context, `auths devices ${verb}`, async (authority) => {
    const changed = await changeDevice(authority, authority.did, wanted);
    const view = await readLogView(authority.stores.home, authority.did);
    const now = view.devices.find(({ did }) => did === changed.before.subject);
    if (now === undefined) throw new AuthsError('internal/bug', 'the device is gone after its own extension');
    const thisDid = readDeviceKey(context.home)?.did ?? null;
    return {
      data: {
        controller_did: authority.did,
        device: deviceJson(now, thisDid, context.clock.now()),
        sequence: changed.sequence,
        next_steps: [],
      },
      text: say(changed),
    };
  });
}
