/** How hosts and joiners of one network find each other: the port. `mdns.ts` is the adapter. */
import type { LanAddress } from './addresses.ts';

/** What a host announces: where it listens, and the public part of its code. Nothing that names a person or a machine. */
export interface PairingService {
  readonly nameplate: string;
  readonly port: number;
  readonly address: LanAddress;
}

/** One answer that matches the nameplate. Nothing about it is trusted: the code decides. */
export interface Candidate {
  /** Eight hex digits. */
  readonly instance: string;
  readonly port: number;
  /** Best first; link-local IPv6 with its scope. Never empty. */
  readonly addresses: readonly CandidateAddress[];
  /** The address that said so. */
  readonly sender: string;
}

export interface CandidateAddress {
  readonly address: string;
  readonly family: 4 | 6;
  readonly scope: string | null;
}

/** A running announcement. `withdraw` tells the network that it is over; it never fails. */
export interface Advertisement {
  readonly instance: string;
  readonly withdraw: () => Promise<void>;
}

export interface Discovery {
  /** Announces until withdrawn. Rejects, saying why, when no interface can announce. */
  readonly advertise: (service: PairingService) => Promise<Advertisement>;
  /**
   * Matching answers as they come, each host once, until `signal` aborts; of those that wait, one of the sender
   * that has been heard least: who answers fastest and most has one turn like anybody. Rejects, saying why, when no
   * interface can ask. Answers that are oversized, malformed or about something else are passed over.
   */
  readonly browse: (nameplate: string, signal: AbortSignal) => AsyncIterable<Candidate>;
}
