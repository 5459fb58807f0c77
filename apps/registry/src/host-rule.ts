/** Which Host headers a registry answers (docs/protocol.md, "LAN mode"): any, until --allow-host names some. */
import { isIP } from 'node:net';

/** True when a request with this Host header may be answered. A missing header never is. */
export function hostAllowed(header: string | undefined, allowed: readonly string[]): boolean {
  if (header === undefined) return false;
  if (allowed.length === 0) return true;
  const name = hostNameOf(header);
  return isIP(name) !== 0 || name === 'localhost' || allowed.includes(name);
}

function hostNameOf(header: string): string {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(header);
  return (match?.[1] ?? match?.[2] ?? '').toLowerCase();
}
