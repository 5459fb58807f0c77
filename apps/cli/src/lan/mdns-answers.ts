/**
 * Reads what strangers multicast: records of `_auths-pair._tcp.local` gathered over several packets
 * into candidates. Everything here is hostile until the code has matched, so counts and sizes are bounded, and
 * what one sender says is put together with its own words only: no other can crowd it out, or lend its
 * instance another port or address.
 */
import { isIP } from 'node:net';
import { isLinkLocal, isLocalNetwork } from './addresses.ts';
import type { Candidate, CandidateAddress } from './discovery.ts';

export const SERVICE = '_auths-pair._tcp.local';

/** More than any honest answer needs, and little enough to keep for fifteen seconds. A repeater speaks for several hosts. */
const MAX_RECORDS = 64;
const MAX_SENDERS = 256;
const MAX_INSTANCES = 8;
const MAX_ADDRESSES = 8;
const MAX_TXT_BYTES = 256;

/** A packet as dns-packet decodes it; every member may be missing or of another type. */
export interface DnsPacket {
  readonly answers?: unknown;
  readonly additionals?: unknown;
}

interface Instance {
  target: string | null;
  port: number | null;
  nameplate: string | null;
}

export interface AnswerReader {
  /**
   * Takes one packet in, with the address that it came from (IPv6 with its zone) and the interface that it came in by;
   * gives the candidates for the nameplate that are complete now and were not given before.
   */
  readonly read: (packet: DnsPacket, from: string, scope: string | null) => readonly Candidate[];
}

/** What one address has said. */
interface Sender {
  readonly instances: Map<string, Instance>;
  readonly addresses: Map<string, CandidateAddress[]>;
}

/** A reader for one nameplate. It never throws, whatever the packet holds. */
export function createAnswerReader(nameplate: string): AnswerReader {
  const senders = new Map<string, Sender>();
  const given = new Set<string>();
  return {
    read: (packet, from, scope) => {
      const records = recordsOf(packet);
      const sender = records.length === 0 ? null : senderAt(senders, from);
      if (sender === null) return [];
      for (const record of records) take(sender, record, scope);
      const found: Candidate[] = [];
      for (const [id, { target, port, nameplate: told }] of sender.instances) {
        const at = target === null ? undefined : sender.addresses.get(target);
        if (port === null || told !== nameplate || at === undefined) continue;
        const addresses = at.toSorted(byReach);
        const [{ address, scope: zone }] = addresses as [CandidateAddress];
        const place = `${address}%${zone ?? ''} ${port}`;
        // A host that answers over IPv4 and IPv6 is one host; a sender that moves its instances about has had its turn.
        if (given.has(place) || given.has(`${from} ${id}`)) continue;
        given.add(place).add(`${from} ${id}`);
        found.push({ instance: id, port, addresses, sender: from });
      }
      return found;
    },
  };
}

function senderAt(senders: Map<string, Sender>, from: string): Sender | null {
  const known = senders.get(from);
  if (known !== undefined) return known;
  if (senders.size >= MAX_SENDERS) {
    // On a large network most of them are printers and televisions: those make room.
    const other = [...senders].find(([, { instances }]) => instances.size === 0);
    if (other === undefined) return null;
    senders.delete(other[0]);
  }
  const made: Sender = { instances: new Map(), addresses: new Map() };
  senders.set(from, made);
  return made;
}

function take(sender: Sender, record: Record<string, unknown>, scope: string | null): void {
  const name = typeof record['name'] === 'string' ? record['name'].toLowerCase() : '';
  const { type, data } = record;
  if (type === 'A' || type === 'AAAA') {
    takeAddress(sender.addresses, name, data, scope);
  } else if (type === 'SRV' || type === 'TXT') {
    const id = instanceOf(name);
    const instance = id === null ? null : entry(sender.instances, id);
    if (instance !== null && type === 'SRV') takeServer(instance, data);
    if (instance !== null && type === 'TXT') instance.nameplate = nameplateOf(data);
  }
}

function recordsOf({ answers, additionals }: DnsPacket): readonly Record<string, unknown>[] {
  return [answers, additionals]
    .flatMap((section) => (Array.isArray(section) ? (section as readonly unknown[]) : []))
    .slice(0, MAX_RECORDS)
    .filter((record): record is Record<string, unknown> => typeof record === 'object' && record !== null)
    .filter((record) => typeof record['ttl'] === 'number' && record['ttl'] > 0);
}

function instanceOf(name: string): string | null {
  const [label = '', ...rest] = name.split('.');
  return /^[0-9a-f]{8}$/.test(label) && rest.join('.') === SERVICE ? label : null;
}

function entry(instances: Map<string, Instance>, id: string): Instance | null {
  const known = instances.get(id);
  if (known !== undefined) return known;
  if (instances.size >= MAX_INSTANCES) return null;
  const made: Instance = { target: null, port: null, nameplate: null };
  instances.set(id, made);
  return made;
}

function takeServer(instance: Instance, data: unknown): void {
  if (typeof data !== 'object' || data === null) return;
  const { port, target } = data as { readonly port?: unknown; readonly target?: unknown };
  if (typeof port !== 'number' || port < 1 || port > 65_535 || typeof target !== 'string') return;
  instance.port = port;
  instance.target = target.toLowerCase();
}

/** TXT holds `v=1` and `np=`, each once; other keys are left for later versions. */
function nameplateOf(data: unknown): string | null {
  const strings = Array.isArray(data) ? (data as readonly unknown[]) : [data];
  if (!strings.every((part) => part instanceof Uint8Array)) return null;
  if (strings.reduce((sum, part) => sum + part.length, 0) > MAX_TXT_BYTES) return null;
  const pairs = strings.map((part) => Buffer.from(part).toString('latin1').split('='));
  const valuesOf = (key: string): readonly string[] =>
    pairs.filter(([name]) => name?.toLowerCase() === key).map(([, ...value]) => value.join('='));
  const [versions, nameplates] = [valuesOf('v'), valuesOf('np')];
  if (versions.length !== 1 || versions[0] !== '1' || nameplates.length !== 1) return null;
  return nameplates[0] ?? null;
}

function takeAddress(
  addresses: Map<string, CandidateAddress[]>,
  name: string,
  data: unknown,
  scope: string | null,
): void {
  // Plain HTTP goes to the local network only: an answer that points elsewhere is not from a neighbour.
  if (typeof data !== 'string' || !isLocalNetwork(data)) return;
  const linkLocal = isLinkLocal(data);
  if (linkLocal && scope === null) return;
  const known = addresses.get(name) ?? [];
  if (known.length >= MAX_ADDRESSES || known.some((other) => other.address === data)) return;
  if (known.length === 0 && addresses.size >= MAX_INSTANCES) return;
  known.push({ address: data, family: isIP(data) === 6 ? 6 : 4, scope: linkLocal ? scope : null });
  addresses.set(name, known);
}

/** IPv4, then IPv6, then IPv6 that needs a scope. */
function byReach(a: CandidateAddress, b: CandidateAddress): number {
  return rankOf(a) - rankOf(b);
}

function rankOf({ family, scope }: CandidateAddress): number {
  return scope === null ? family : 8;
}
