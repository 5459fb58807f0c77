/** `auths push`: the own identity's log, records and receipts to plain git remotes. Never anything of refs/auths. */
import { existsSync } from 'node:fs';
import { AuthsError, isAuthsError } from '@auths/core/errors';
import { rememberRemote, type Remote } from '@auths/git-store/remote-address';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { withIdentity } from '../composition.ts';
import { namedRemotes } from '../remotes/named-remotes.ts';
import { transportOf, type IdentityStores } from '../remotes/pull-remote.ts';
import { isMissingFolder, pushRemote, type PushedIdentity } from '../remotes/push-remote.ts';
import { pushedView } from '../views/remotes.ts';

export const push: CommandSpec = defineCommand({
  examples: [
    { command: 'auths push origin', what: 'to the remote of the repository that you stand in' },
    { command: 'auths push /srv/identity.git', what: 'to a bare repository; it is remembered' },
    { command: 'auths push', what: 'to every remote that is remembered' },
  ],
  flags: { once: { kind: 'switch', summary: 'do not remember this remote' } },
  arguments: [
    { name: 'REMOTE', summary: 'a remote name, a folder or a URL (https, ssh, file)', required: false },
  ],
  more: 'A remembered remote is looked at before every change of your devices; auths pull REMOTE brings its news.',
  async run(context, { flags, words }) {
    return withIdentity(context, async (stores) => {
      const remotes = await namedRemotes(context, stores.home.dir, words[0], 'auths push REMOTE');
      const pushed: PushedIdentity[] = [];
      const failed: AuthsError[] = [];
      for (const remote of remotes) {
        try {
          pushed.push(await pushOne(context, stores, remote));
          if (!flags.once) await rememberRemote(stores.home.dir, remote);
        } catch (error) {
          // One remote that refuses or is away keeps the log from no other.
          if (!isAuthsError(error) || remotes.length === 1) throw error;
          failed.push(error);
        }
      }
      const [first] = failed;
      if (first !== undefined) {
        for (const { remote } of pushed) context.note(`sent to ${remote.name}`);
        for (const { message } of failed.slice(1)) context.note(message);
        throw first;
      }
      const data = {
        controller_did: stores.identity.controller_did,
        remotes: pushed.map(({ remote, ...result }) => ({
          name: remote.name,
          url: remote.url,
          remembered: remote.known || !flags.once,
          ...result,
        })),
        next_steps: [],
      };
      return { data, text: pushedView(context, pushed) };
    });
  },
});

async function pushOne(context: Context, stores: IdentityStores, remote: Remote): Promise<PushedIdentity> {
  try {
    return await pushRemote(stores, remote, transportOf(context));
  } catch (error) {
    if (!isMissingFolder(error, remote, existsSync)) throw error;
    throw new AuthsError('network/unreachable', `there is no repository in ${remote.url}`, {
      hint: `git init --bare ${remote.url}`,
      details: { url: remote.url },
      cause: error,
    });
  }
}
