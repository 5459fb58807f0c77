/** The addresses of this machine, now. */
import { networkInterfaces } from 'node:os';
import type { InterfaceAddress } from './addresses.ts';

/** Every address of every interface that is up, loopback included. */
export function interfaceAddresses(): readonly InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).map((entry) => ({
      interface: name,
      address: entry.address,
      family: entry.family === 'IPv6' ? (6 as const) : (4 as const),
      internal: entry.internal,
    })),
  );
}
