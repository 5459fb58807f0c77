/** `--passphrase-file`: the first line of a file, or of a pipe as `<(…)` gives one. */
import { createReadStream } from 'node:fs';
import { AuthsError } from '@auths/core/errors';

/** In bytes. What has no line end until then is cut, so that a device that never ends is not read for ever. */
const MAX_LINE = 65_536;

/** Without its line end; empty for an empty file. `input/unreadable`. */
export async function readPassphraseFile(path: string): Promise<string> {
  let text = '';
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8', end: MAX_LINE - 1 })) {
      text += chunk as string;
      if (text.includes('\n')) break;
    }
  } catch (cause) {
    throw new AuthsError('input/unreadable', `the passphrase file ${path} cannot be read`, {
      details: { path },
      cause,
    });
  }
  return text.replace(/\r?\n[^]*$/, '');
}
