/** `auths kel show` and `kel export`: the log of this home's identity. */
import { fromUtf8 } from '@auths/core/encoding/text';
import { toBase64url } from '@auths/core/encoding/base64url';
import { prefixOf } from '@auths/core/identifiers';
import type { StoredLog } from '@auths/core/ports';
import { parseStream } from '@auths/core/keri/stream';
import { AuthsError } from '@auths/core/errors';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { withIdentity } from '../composition.ts';
import { kelView, type EventView } from '../views/kel.ts';

export const kelShow: CommandSpec = defineCommand({
  examples: [
    { command: 'auths kel show', what: 'one line for each event' },
    { command: 'auths kel show --json', what: 'every event, with its signature as x' },
  ],
  flags: {},
  arguments: [],
  async run(context) {
    const { log, events } = await ownLog(context);
    return { data: logData(log, events), text: kelView(context, log.prefix, events) };
  },
});

export const kelExport: CommandSpec = defineCommand({
  examples: [
    { command: 'auths kel export > me.cesr', what: 'a stream that any KERI implementation reads' },
    { command: 'auths kel export | auths kel verify -', what: 'and reads back' },
  ],
  flags: {},
  arguments: [],
  async run(context) {
    const { log, events } = await ownLog(context);
    return { data: { ...logData(log, events), stream: fromUtf8(log.stream) }, text: log.stream };
  },
});

async function ownLog(
  context: Context,
): Promise<{ readonly log: StoredLog; readonly events: readonly EventView[] }> {
  return withIdentity(context, async ({ log: logs, identity }) => {
    const prefix = prefixOf(identity.controller_did);
    const log = await logs.read(prefix);
    if (log === null) {
      throw new AuthsError('storage/corrupt', `the key event log of ${identity.controller_did} is missing`, {
        hint: 'auths doctor --fix',
        details: { path: `refs/did/keri/${prefix}/kel` },
      });
    }
    return { log, events: eventViews(log.stream) };
  });
}

/** Each event as JSON with `x`, its first controller signature, which KERI itself keeps outside the event. */
function eventViews(stream: Uint8Array): readonly EventView[] {
  return parseStream(stream).messages.flatMap(({ event, attachments }) => {
    const signature = attachments.controller[0]?.signature;
    const fields = JSON.parse(fromUtf8(event.bytes)) as Record<string, unknown>;
    return [{ ...fields, x: signature === undefined ? null : toBase64url(signature) } as EventView];
  });
}

function logData(log: StoredLog, events: readonly EventView[]): Readonly<Record<string, unknown>> {
  return {
    controller_did: `did:keri:${log.prefix}`,
    prefix: log.prefix,
    sequence: events.length - 1,
    said: log.tip,
    events,
  };
}
