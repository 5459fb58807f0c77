/**
 * Which Host headers a LAN host answers (docs/protocol.md, "LAN mode"): a name that a web page could
 * have pointed here by DNS rebinding is not one of them.
 */
import { isIP } from 'node:net';

/** A judge of Host headers: an IP literal, localhost, this host's name with or without `.local`, and `names`. */
export function hostRule(hostName: string, names: readonly string[]): (header: string) => boolean {
  const own = hostName.toLowerCase().replace(/\.local$/, '');
  const accepted = new Set(['localhost', own, `${own}.local`, ...names.map((name) => name.toLowerCase())]);
  return (header) => {
    const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(header);
    const [, six, other = ''] = match ?? [];
    if (six !== undefined) return isIP(six.split('%')[0] ?? '') === 6;
    return isIP(other) === 4 || accepted.has(other.toLowerCase());
  };
}
