/** `auths devices accept`: a device's request in a file, compared by hand, sealed, and answered in a file. No network. */
import { parseCapabilityList } from '@auths/core/attestation/capability';
import { fromUtf8 } from '@auths/core/encoding/text';
import { AuthsError, isAuthsError } from '@auths/core/errors';
import { acceptRequest, type AcceptedRequest } from '@auths/core/flows/accept-request';
import { MAX_REQUEST } from '@auths/core/flows/device-request';
import { isDidKey, type DidKey } from '@auths/core/identifiers';
import { requirePairedDevices } from '@auths/key-store/paired-devices';
import { withHost } from '../authority.ts';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import type { Stores } from '../composition.ts';
import { writeAllowedSigners } from '../home/device-files.ts';
import { naming, readInput } from '../input-file.ts';
import { requireNewFile, writeNewFile } from '../output-file.ts';
import { admitRequest } from '../pairing/admit-request.ts';
import { safeName } from '../views/layout.ts';

export const devicesAccept: CommandSpec = defineCommand({
  examples: [
    { command: 'auths devices accept desk.request', what: 'the answer is in desk.request.answer' },
    {
      command: 'auths devices accept - --output - --expect-device did:key:z6Mk… < desk.request > desk.answer',
      what: 'for scripts that know the device by its key',
    },
  ],
  flags: {
    output: { kind: 'value', hint: 'F', summary: 'where the answer goes (default FILE.answer; - is stdout)' },
    'expect-device': {
      kind: 'value',
      hint: 'DID',
      summary: 'the did:key that asks, in place of the comparison',
    },
    capabilities: {
      kind: 'value',
      hint: 'LIST',
      summary: 'the most that is granted (default: what you agree to; with --expect-device sign_commit)',
    },
  },
  arguments: [{ name: 'FILE', summary: 'the request, or - for stdin', required: true }],
  more: 'The fingerprint is typed as the other machine shows it. Accepted once, a request is answered again without a question.',
  async run(context, { flags, words }) {
    const file = words[0] as string;
    const output = flags.output ?? (file === '-' ? '-' : `${file}.answer`);
    const expectDevice = expected(flags['expect-device']);
    const capabilities = mostOf(flags.capabilities, expectDevice);
    await requireNewFile(context, output);
    const request = await readInput(
      context,
      file,
      MAX_REQUEST,
      'a request is made on the new device: auths devices request FILE',
    );
    return withHost(context, 'auths devices accept', async (ports, stores) => {
      await requirePairedDevices(context.home);
      const accepted = await naming(file, () =>
        acceptRequest(
          ports,
          request,
          {
            ...(expectDevice === null ? {} : { expectDevice }),
            ...(capabilities === null ? {} : { capabilities }),
          },
          (asked) => admitRequest(context, asked, expectDevice !== null),
        ),
      );
      const path = await handOver(context, stores, output, accepted);
      const { link, already } = accepted;
      const data = {
        controller_did: link.issuer,
        device_did: link.subject,
        device_name: link.name,
        attestation: link,
        already,
        file: path,
        ...(path === null ? { answer: fromUtf8(accepted.answer) } : {}),
      };
      if (path === null) return { data, text: fromUtf8(accepted.answer) };
      const text = [
        `${already ? 'accepted before' : context.style.good('accepted')}: ${safeName(link.name)} ${link.subject}`,
        `the answer is in ${path}`,
        'next: carry it back; on that machine: auths devices request --answer FILE',
      ].join('\n');
      return { data, text };
    });
  },
});

/** The device is one by now, so whatever goes wrong here says so first. */
async function handOver(
  context: Context,
  stores: Stores,
  output: string,
  { link, answer }: AcceptedRequest,
): Promise<string | null> {
  try {
    await writeAllowedSigners(stores.home, link.issuer);
    return await writeNewFile(context, output, answer);
  } catch (error) {
    if (!isAuthsError(error)) throw error;
    throw new AuthsError(
      error.code,
      `${safeName(link.name)} is a device of this identity now, but its answer was not written: ${error.message}`,
      {
        hint: `${error.hint ?? 'run the same command again'}; it asks nothing, grants nothing new and writes the answer`,
        details: { ...error.details, device_did: link.subject, linked: true } as never,
        cause: error,
      },
    );
  }
}

/** Where nobody sees what is asked for, a device gets no more than a pairing gives unless it is named. */
function mostOf(list: string | undefined, expectDevice: DidKey | null): readonly string[] | null {
  if (list !== undefined) return parseCapabilityList(list);
  return expectDevice === null ? null : ['sign_commit'];
}

function expected(text: string | undefined): DidKey | null {
  if (text === undefined) return null;
  if (isDidKey(text)) return text;
  throw new AuthsError('usage/invalid', '--expect-device takes a whole did:key:z6Mk…', {
    hint: 'auths devices accept --help',
  });
}
