/** The address of a server as a person types it. */
import { AuthsError } from '@auths/core/errors';
import { parseEndpoint } from '@auths/core/pairing/endpoint';

/** `http(s)://host[:port]`; a lone slash at the end is forgiven, and a missing `http://` is named. `usage/invalid` names the flag. */
export function typedOrigin(flag: string, text: string): string {
  try {
    // The person typed this name: plain http may go there.
    return parseEndpoint(text.replace(/\/$/, ''), { allowedNames: 'any' }).origin;
  } catch (cause) {
    throw new AuthsError(
      'usage/invalid',
      `${flag} ${text.slice(0, 100)} is not an address that can be used`,
      {
        hint: `write ${flag} http://192.168.1.20:3000 or ${flag} https://auths.example.org`,
        cause,
      },
    );
  }
}
