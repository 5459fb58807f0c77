/** As much of DNS messages as the tests say and hear; nothing is compressed when written. */

const TYPES: Readonly<Record<string, number>> = { A: 1, PTR: 12, TXT: 16, AAAA: 28, SRV: 33 };
const SERVICE = '_auths-pair._tcp.local';

export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  /** As it stands in the message. */
  readonly data: Buffer;
}

/** A response, as a host sends it. */
export function response(records: readonly DnsRecord[]): Buffer {
  const header = Buffer.from([0, 0, 0x84, 0, 0, 0, records.length >> 8, records.length & 0xff, 0, 0, 0, 0]);
  return Buffer.concat([header, ...records.map(recordBytes)]);
}

export interface Announced {
  readonly instance: string;
  readonly nameplate: string;
  readonly port: number;
  readonly address: string;
  readonly ttl?: number;
}

/** The records of one pairing host. */
export function announcement({
  instance,
  nameplate,
  port,
  address,
  ttl = 120,
}: Announced): readonly DnsRecord[] {
  const name = `${instance}.${SERVICE}`;
  const target = `${instance}.local`;
  const text = ['v=1', `np=${nameplate}`].map((item) =>
    Buffer.concat([Buffer.from([item.length]), Buffer.from(item)]),
  );
  return [
    { name: SERVICE, type: 'PTR', ttl, data: nameBytes(name) },
    { name, type: 'SRV', ttl, data: Buffer.concat([Buffer.alloc(4), uint16(port), nameBytes(target)]) },
    { name, type: 'TXT', ttl, data: Buffer.concat(text) },
    { name: target, type: 'A', ttl, data: Buffer.from(address.split('.').map(Number)) },
  ];
}

export interface Heard {
  readonly isResponse: boolean;
  readonly records: readonly {
    readonly name: string;
    readonly type: number;
    readonly ttl: number;
    readonly data: string;
  }[];
}

/** What a message of an honest sender says: names follow their pointers. Throws on anything else. */
export function read(message: Buffer): Heard {
  let at = 12;
  const name = (): string => {
    const labels: string[] = [];
    let after = -1;
    for (let steps = 0; ; steps += 1) {
      if (steps > 64) throw new Error('a loop');
      const length = message.readUInt8(at);
      if (length >= 0xc0) {
        if (after < 0) after = at + 2;
        at = message.readUInt16BE(at) & 0x3fff;
      } else if (length === 0) {
        at = after < 0 ? at + 1 : after;
        return labels.join('.');
      } else {
        labels.push(message.toString('latin1', at + 1, at + 1 + length));
        at += 1 + length;
      }
    }
  };
  for (let i = message.readUInt16BE(4); i > 0; i -= 1) {
    name();
    at += 4;
  }
  const count = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  const records = Array.from({ length: count }, () => {
    const owner = name();
    const type = message.readUInt16BE(at);
    const ttl = message.readUInt32BE(at + 4);
    const length = message.readUInt16BE(at + 8);
    const data = message.toString('latin1', at + 10, at + 10 + length);
    at += 10 + length;
    return { name: owner, type, ttl, data };
  });
  return { isResponse: (message.readUInt8(2) & 0x80) !== 0, records };
}

function recordBytes({ name, type, ttl, data }: DnsRecord): Buffer {
  const times = Buffer.alloc(4);
  times.writeUInt32BE(ttl);
  return Buffer.concat([
    nameBytes(name),
    uint16(TYPES[type] ?? 255),
    uint16(1),
    times,
    uint16(data.length),
    data,
  ]);
}

function nameBytes(name: string): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]));
  return Buffer.concat([...labels, Buffer.alloc(1)]);
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
