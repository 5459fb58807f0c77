/** IP addresses as text and bytes, and which of them plain http may reach (docs/protocol.md, "Endpoints"). */

/** The 4 bytes of a dotted-decimal address in its one spelling (no leading zeros, no octal, no short forms), or null. */
export function parseIpv4(text: string): Uint8Array | null {
  if (!/^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/.test(text)) return null;
  const parts = text.split('.').map(Number);
  return parts.every((part) => part <= 255) ? Uint8Array.from(parts) : null;
}

/** The 16 bytes of an IPv6 address (RFC 4291 2.2, with an IPv4 tail if there is one; no zone), or null. */
export function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (text.length > 45 || halves.length > 2) return null;
  const groups = halves.map((half, i) => groupsOf(half, i === halves.length - 1));
  const [head, tail] = groups;
  if (head === null || head === undefined || tail === null) return null;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const all = [...head, ...Array<number>(missing).fill(0), ...(tail ?? [])];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

export function formatIpv4(bytes: Uint8Array): string {
  return [...bytes].join('.');
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as "::". */
export function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  let best = { at: 0, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  if (best.length < 2) return hexGroups(groups);
  return `${hexGroups(groups.slice(0, best.at))}::${hexGroups(groups.slice(best.at + best.length))}`;
}

/**
 * Whether an address (4 or 16 bytes) is private, link-local or loopback: 10/8, 172.16/12, 192.168/16,
 * 169.254/16, 127/8; ::1, fe80::/10, fc00::/7, and IPv4 ones in their ::ffff: form. Carrier-grade NAT
 * (100.64/10) is not: there the neighbours are strangers.
 */
export function isLocalAddress(bytes: Uint8Array): boolean {
  const [a = 0, b = 0] = bytes;
  if (bytes.length === 4) {
    return (
      a === 10 ||
      a === 127 ||
      (a === 172 && b >= 16 && b <= 31) ||
      (a === 192 && b === 168) ||
      (a === 169 && b === 254)
    );
  }
  if (bytes.length !== 16) return false;
  if ((a & 0xfe) === 0xfc || (a === 0xfe && (b & 0xc0) === 0x80)) return true;
  const head = bytes.subarray(0, 12);
  if (head.every((byte, i) => byte === (i < 10 ? 0 : 0xff))) return isLocalAddress(bytes.subarray(12));
  return bytes.every((byte, i) => byte === (i === 15 ? 1 : 0));
}

function hexGroups(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}

/** The 16-bit groups between colons; an empty half has none. `last`: an IPv4 tail may stand at its end. */
function groupsOf(half: string, last: boolean): number[] | null {
  if (half === '') return [];
  const parts = half.split(':');
  const groups: number[] = [];
  for (const [i, part] of parts.entries()) {
    const ipv4 = last && i === parts.length - 1 ? parseIpv4(part) : null;
    if (ipv4 !== null) {
      const [a = 0, b = 0, c = 0, d = 0] = ipv4;
      groups.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}
