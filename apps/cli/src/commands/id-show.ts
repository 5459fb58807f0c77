/** `auths id show`: the identity itself, from its own log. */
import { defineCommand, type CommandSpec } from '../command.ts';
import { noIdentity } from '../composition.ts';
import { readIdentityView } from '../home/identity-view.ts';
import { table } from '../views/layout.ts';

export const idShow: CommandSpec = defineCommand({
  examples: [
    { command: 'auths id show', what: 'DID, keys in force, sequence' },
    { command: 'auths id show --json', what: 'the same for scripts' },
  ],
  flags: {},
  arguments: [],
  async run(context) {
    const view = await readIdentityView(context.home);
    if (view === null) throw noIdentity(context.home);
    const { bold } = context.style;
    return {
      data: {
        controller_did: view.controllerDid,
        prefix: view.prefix,
        role: view.role,
        created_at: view.createdAt,
        sequence: view.sequence,
        said: view.said,
        keys: view.keys,
        devices: view.devices.length,
      },
      text: [
        bold(view.controllerDid),
        ...table(
          [
            [
              'role',
              view.role === 'controller'
                ? 'this home holds the identity key'
                : 'this home is one of its devices',
            ],
            ['created', view.createdAt],
            ['log', `${view.sequence + 1} events, the newest ${view.said}`],
            ['key', view.keys.join(', ')],
            ['devices', String(view.devices.length)],
          ],
          '  ',
        ),
      ].join('\n'),
    };
  },
});
