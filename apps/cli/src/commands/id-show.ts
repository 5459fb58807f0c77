/** `auths id show`: the identity itself, from its own log. */
import { defineCommand, type CommandSpec } from '../command.ts';
import { noIdentity } from '../composition.ts';
import { readIdentityView, type IdentityView } from '../home/identity-view.ts';
import { table } from '../views/layout.ts';
import { readWitnesses, type KnownWitnesses } from '../witnesses/known-witnesses.ts';

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
    const known = view.witnesses.length > 0 ? await readWitnesses(context.home) : new Map<string, string>();
    return {
      data: {
        controller_did: view.controllerDid,
        prefix: view.prefix,
        role: view.role,
        created_at: view.createdAt,
        sequence: view.sequence,
        said: view.said,
        keys: view.keys,
        witnesses: view.witnesses.map((aid) => ({ aid, url: known.get(aid) ?? null })),
        witness_threshold: view.witnessThreshold,
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
            ...witnessRows(view, known),
          ],
          '  ',
        ),
      ].join('\n'),
    };
  },
});

function witnessRows(
  { witnesses, witnessThreshold }: IdentityView,
  known: KnownWitnesses,
): readonly (readonly string[])[] {
  if (witnesses.length === 0) return [];
  const listed = witnesses.map((aid) => ['', `${aid} ${known.get(aid) ?? 'at an address unknown here'}`]);
  return [['witnesses', `${witnessThreshold} of ${witnesses.length} must receipt each event`], ...listed];
}
