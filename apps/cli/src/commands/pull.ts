/**
 * `auths pull`: news of the identity from plain git remotes, judged before it is believed. A remote that is forked,
 * rewound or not valid is a verification that said no: exit 1, and the home keeps what it has.
 */
import { hasCode, type AuthsError } from '@auths/core/errors';
import { didKeriOf, prefixOf } from '@auths/core/identifiers';
import { rememberRemote, type Remote } from '@auths/git-store/remote-address';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { withIdentity } from '../composition.ts';
import { writeAllowedSigners } from '../home/device-files.ts';
import { readDeviceKey } from '../home/device-key.ts';
import { statusOf } from '../home/home-report.ts';
import { readLogView } from '../home/identity-view.ts';
import { namedRemotes } from '../remotes/named-remotes.ts';
import {
  pullRemote,
  REFUSED,
  transportOf,
  type IdentityStores,
  type PulledLog,
} from '../remotes/pull-remote.ts';
import { pulledView, type PullData, type PulledRemote } from '../views/remotes.ts';

export const pull: CommandSpec = defineCommand({
  examples: [
    { command: 'auths pull origin', what: 'from the remote of the repository that you stand in' },
    { command: 'auths pull /srv/identity.git', what: 'from a bare repository; it is remembered' },
    { command: 'auths pull', what: 'from every remote that is remembered' },
  ],
  flags: { once: { kind: 'switch', summary: 'do not remember this remote' } },
  arguments: [
    { name: 'REMOTE', summary: 'a remote name, a folder or a URL (https, ssh, file)', required: false },
  ],
  more: 'Only an extension and a lawful recovery change your log. Exit 1: a remote is forked, rewound or not valid.',
  async run(context, { flags, words }) {
    return withIdentity(context, async (stores) => {
      const remotes = await namedRemotes(context, stores.home.dir, words[0], 'auths pull REMOTE');
      const pulled: PulledRemote[] = [];
      for (const remote of remotes) pulled.push(await pullOne(context, stores, remote));
      const failed = pulled.flatMap(({ error }) => (error === null ? [] : [error]));
      if (failed.length === pulled.length) throw failed[0] as AuthsError;
      if (!flags.once) {
        for (const { remote, error } of pulled)
          if (error === null) await rememberRemote(stores.home.dir, remote);
      }
      await writeAllowedSigners(stores.home, stores.identity.controller_did);
      const data = await describe(context, stores, pulled, !flags.once);
      const refused = pulled.some(({ logs }) => logs.some(({ verdict }) => REFUSED.includes(verdict)));
      return { data, text: pulledView(context, data), exit: refused ? 1 : 0 };
    });
  },
});

async function pullOne(context: Context, stores: IdentityStores, remote: Remote): Promise<PulledRemote> {
  try {
    return { remote, logs: await pullRemote(stores, remote, transportOf(context)), error: null };
  } catch (error) {
    if (!hasCode(error, 'network/unreachable')) throw error;
    return { remote, logs: [], error };
  }
}

async function describe(
  context: Context,
  stores: IdentityStores,
  pulled: readonly PulledRemote[],
  remember: boolean,
): Promise<PullData> {
  const { identity, home } = stores;
  const view = await readLogView(home, identity.controller_did);
  const thisDid = readDeviceKey(context.home)?.did;
  const device = view.devices.find(({ did }) => did === thisDid);
  const own = prefixOf(identity.controller_did);
  const behind = pulled.filter(({ logs }) => logs.some((log) => log.prefix === own && isBehind(log)));
  return {
    controller_did: identity.controller_did,
    role: identity.role,
    sequence: view.sequence,
    said: view.said,
    device:
      device === undefined
        ? null
        : { did: device.did, name: device.name, status: statusOf(device, context.clock.now()) },
    remotes: pulled.map(({ remote, logs, error }) => ({
      name: remote.name,
      url: remote.url,
      remembered: remote.known || (remember && error === null),
      error: error === null ? null : { code: error.code, message: error.message },
      logs: logs.map(logJson),
    })),
    next_steps: behind.map(({ remote }) => ({
      summary: `bring ${remote.name} up to date`,
      command: `auths push ${remote.name}`,
    })),
  };
}

function isBehind({ verdict }: PulledLog): boolean {
  return verdict === 'behind' || verdict === 'rewound';
}

function logJson(log: PulledLog): PullData['remotes'][number]['logs'][number] {
  return {
    controller_did: didKeriOf(log.prefix),
    verdict: log.verdict,
    present: log.present,
    from: log.from,
    tip: log.tip,
    remote_tip: log.theirs,
    events_added: log.eventsAdded,
    events_superseded: log.superseded,
    revocations_given_up: log.givenUp,
    keys_changed: log.rotated,
    disputed: log.disputed,
    records: log.records,
    fault: log.fault,
    notes: log.notes,
  };
}
