/** `auths id export`: log, records and addresses in one signed, dated file. */
import { fromUtf8 } from '@auths/core/encoding/text';
import { formatTime } from '@auths/core/encoding/time';
import { makeBundle } from '@auths/core/flows/identity-bundle';
import { readOwnLog } from '@auths/core/flows/seal-records';
import { prefixOf } from '@auths/core/identifiers';
import { knownRemotes } from '@auths/git-store/remote-address';
import { defineCommand, type CommandSpec } from '../command.ts';
import { openKeys, signerFor, withAuthority } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { writeNewFile } from '../output-file.ts';
import { settleRotation } from '../recovery/kit-shelf.ts';

export const idExport: CommandSpec = defineCommand({
  examples: [
    {
      command: 'auths id export --output me.auths',
      what: 'all that a recovery needs beside the kit or the words',
    },
    { command: 'auths kel verify me.auths', what: 'proves it, date included' },
  ],
  flags: {
    output: { kind: 'value', hint: 'F', summary: 'write it to F, which must not exist (default: stdout)' },
  },
  arguments: [],
  more: 'No secret is in it. The date is signed by the identity key.',
  async run(context, { flags }) {
    return withAuthority(context, 'auths id export', async (stores) => {
      const did = stores.identity.controller_did;
      const keys = await openKeys(context);
      await settleRotation(context, stores, keys, did);
      const { log, verdict } = await readOwnLog({ log: stores.log, engine: verifyEngine }, did);
      const remotes = (await knownRemotes(stores.home.dir, () => undefined)).map(({ url }) => url);
      const createdAt = context.clock.now();
      const bundle = await makeBundle(await signerFor(context, keys, 'identity'), {
        prefix: prefixOf(did),
        createdAt,
        stream: log.stream,
        records: await stores.attestations.list(did),
        remotes,
        registry: null,
      });
      const file = flags.output === undefined ? null : await writeNewFile(context, flags.output, bundle);
      const sequence = verdict.events.length - 1;
      return {
        data: {
          controller_did: did,
          sequence,
          said: log.tip,
          created_at: formatTime(createdAt),
          file,
          ...(file === null ? { bundle: fromUtf8(bundle) } : {}),
        },
        text: file === null ? bundle : `the identity up to event ${sequence} is in ${file}`,
      };
    });
  },
});
