/** `auths whoami`: identity and device of this home, exit 3 without one. */
import { defineCommand, type CommandSpec } from '../command.ts';
import { noIdentity } from '../composition.ts';
import { readHomeReport, statusOf } from '../home/home-report.ts';
import { safeName } from '../views/layout.ts';

export const whoami: CommandSpec = defineCommand({
  examples: [
    { command: 'auths whoami', what: 'did:keri:… and this device' },
    { command: 'auths whoami --json', what: 'the same for scripts' },
  ],
  flags: {},
  arguments: [],
  async run(context) {
    const { identity, deviceDid, device } = await readHomeReport(context);
    if (identity === null) throw noIdentity(context.home);
    const status = device === null ? null : statusOf(device, context.clock.now());
    const name = device === null ? null : device.name;
    const { bold, dim } = context.style;
    return {
      data: {
        controller_did: identity.controllerDid,
        device_did: deviceDid,
        device_name: name,
        device_status: status,
        role: identity.role,
      },
      text: [
        bold(identity.controllerDid),
        `via ${deviceDid ?? 'no device key'} ${dim(`(${name === null ? 'unknown' : safeName(name)}, ${status ?? 'not in the log'})`)}`,
      ].join('\n'),
    };
  },
});
