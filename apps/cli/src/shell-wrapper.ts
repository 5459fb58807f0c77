/**
 * `<home>/bin/auths-ssh-sign`, what git calls instead of ssh-keygen (storage-and-verification.md 4): a small
 * shell script, because a Node program on every commit would cost several times as much.
 */
import { AuthsError } from '@auths/core/errors';

export interface WrapperParts {
  /** Absolute path of the home that makes it. */
  readonly home: string;
  /** Absolute path of node and of the signing program's bundle. */
  readonly node: string;
  readonly signer: string;
  /** Absolute path of ssh-keygen; null when this machine has none. */
  readonly sshKeygen: string | null;
  /** The agent's socket. */
  readonly socket: string;
}

/** The script. Paths with a newline, which no quoting of `sh` makes safe to read, are `usage/invalid`. */
export function wrapperScript(parts: WrapperParts): string {
  const keygen = parts.sshKeygen === null ? 'ssh-keygen' : quote(parts.sshKeygen);
  return `#!/bin/sh
# Made by auths; \`auths git setup\` writes it again.
AUTHS_HOME=${quote(parts.home)}
export AUTHS_HOME
if [ "$1" = -Y ] && [ "$2" = sign ]; then
  if [ -S ${quote(parts.socket)} ]; then
    SSH_AUTH_SOCK=${quote(parts.socket)} ${keygen} "$@" 2>/dev/null && exit 0
  fi
  node=${quote(parts.node)}
  [ -x "$node" ] || node=node
  exec "$node" ${quote(parts.signer)} "$@"
fi
exec ${keygen} "$@"
`;
}

/** One word of `sh`: single quotes, each ' as '\\''. */
function quote(text: string): string {
  if (/[\n\r\0]/.test(text)) {
    throw new AuthsError('usage/invalid', 'a path with a line break cannot be used here', {
      hint: 'set AUTHS_HOME to a folder with a plain name',
    });
  }
  return `'${text.replaceAll("'", "'\\''")}'`;
}
