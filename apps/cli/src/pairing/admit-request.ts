/** Whether a request in a file is let in: who asks is shown, and the fingerprint is typed as the other screen shows it. */
import { CAPABILITY_WORDS } from '@auths/core/attestation/capability';
import { AuthsError, hasCode } from '@auths/core/errors';
import type { AskedDevice } from '@auths/core/flows/accept-request';
import { requireConsent } from '@auths/core/flows/host-consent';
import type { Context } from '../command.ts';
import { safeName } from '../views/layout.ts';
import { canAskHost, hostAsker, typingTries } from './consent.ts';

/** Shows who asks, and waits for the fingerprint that the other machine shows. */
export async function admitRequest(
  context: Context,
  { link, fingerprint }: AskedDevice,
  isExpected: boolean,
): Promise<void> {
  const words = link.capabilities.map(
    (name) => (CAPABILITY_WORDS as Readonly<Record<string, string>>)[name] ?? name,
  );
  context.terminal.show(
    [
      `${safeName(link.name)} asks to become a device of this identity`,
      `  device   ${link.subject}`,
      `  may      ${words.join(', ')}`,
      `  until    ${link.expires_at ?? 'revoked'}`,
      `  asked    ${link.timestamp}`,
    ].join('\n'),
  );
  if (isExpected) return;
  if (!canAskHost(context)) {
    throw new AuthsError(
      'usage/missing-answer',
      'the fingerprint must be compared, and nobody can be asked here',
      {
        hint: 'run it on a terminal, or give --expect-device did:key:z6Mk…',
        details: { flag: '--expect-device' },
      },
    );
  }
  const question = {
    confirm: 'type',
    kind: 'link',
    deviceDid: link.subject,
    deviceName: safeName(link.name),
    sas: fingerprint,
  } as const;
  try {
    await requireConsent(context.clock, hostAsker(context), question, typingTries(context), context.signal);
  } catch (error) {
    throw inWordsOfFiles(error);
  }
}

/** The consent is that of a pairing, whose words speak of a network. */
function inWordsOfFiles(error: unknown): unknown {
  if (hasCode(error, 'pairing/sas-mismatch')) {
    return new AuthsError(error.code, 'what was typed is not the fingerprint of this request', {
      hint: 'nothing was granted; if the other machine really shows that, this is not the file that it made: make a new one there (auths devices request FILE) and carry it yourself',
      cause: error,
    });
  }
  if (hasCode(error, 'pairing/confirmation-required')) {
    return new AuthsError(error.code, error.message, {
      hint: 'nothing was granted; run it on a terminal and type the fingerprint, or name the device: --expect-device did:key:z6Mk…',
      cause: error,
    });
  }
  return error;
}
