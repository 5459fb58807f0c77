/**
 * What the two pairing flows ask of their homes. A host's home keeps who was paired and what is not finished yet;
 * a joiner's keeps the log, the records and the host it may talk to. Writes are durable when they resolve.
 */
import type { LinkRecord } from '../attestation/attestation.ts';
import type { Scrypt } from '../pairing/transcript.ts';
import type { AttestationStore, Clock, EventLog, Random, Signer, VerifyEngine } from '../ports.ts';
import type { DidKey, DidKeri, SessionId } from '../identifiers.ts';

/** What both ends need of the world. */
export interface PairingWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly engine: VerifyEngine;
  /** Native scrypt where there is one; else the slower built-in. */
  readonly scrypt?: Scrypt;
  /** X25519 of a 32-byte private key, native where there is one. */
  readonly x25519PublicKey?: (privateKey: Uint8Array) => Uint8Array;
}

/** The authority: the one home that may grant. */
export interface HostIdentity extends GrantingIdentity {
  /** This machine's device key; its link stands sealed in the log. */
  readonly device: Signer;
  /** Long-term X25519 channel key, 32 bytes. */
  readonly channelSecret: Uint8Array;
}

/** What of it seals, and finishes what it has granted. */
export interface GrantingIdentity {
  readonly controllerDid: DidKeri;
  /** The identity key that the log named when it was opened. */
  readonly identity: Signer;
  /** Opens it once more, when another command has rotated it meanwhile. */
  readonly reopen?: () => Promise<Signer>;
  readonly log: EventLog;
  readonly records: AttestationStore;
  readonly devices: PairedDevices;
}

/** An entry of allow-list.json (docs/protocol.md, "Files"): bytes base64url, times RFC 3339. */
export interface PairedDevice {
  /** Hex, docs/protocol.md "SAS". */
  readonly device_id: string;
  readonly device_did: DidKey;
  readonly name: string;
  readonly static: string;
  readonly psk: string;
  readonly status: 'provisional' | 'active' | 'revoked';
  readonly created_at: string;
  readonly rid: string;
}

/** One pairing between "paired" and its anchor. */
export interface PairingJournal {
  readonly v: 1;
  readonly session_id: SessionId;
  readonly device_id: string;
  /** RFC 3339. */
  readonly created_at: string;
  /** The joiner has stored its side: the grant may be anchored, now or at the next start. */
  readonly acknowledged: boolean;
  readonly link: LinkRecord;
}

/** Allow-list and journal of a host. Every change is atomic and fsync'd before it resolves. */
export interface PairedDevices {
  /** Adds a provisional entry and its journal, beside an older entry of the same device. */
  begin(device: PairedDevice, journal: PairingJournal): Promise<void>;
  /** Marks the journal of this session acknowledged. `session-expired` when another command has forgotten it meanwhile. */
  acknowledge(session: SessionId): Promise<void>;
  /**
   * Marks the entry active, in the place of older ones of this device, then removes the journal. Doing it twice changes nothing.
   * `isGranted` is asked while nobody else changes the list: where it says no, the pairing is forgotten. Resolves to what it said.
   */
  activate(journal: PairingJournal, isGranted: () => Promise<boolean>): Promise<boolean>;
  /** Removes a provisional entry and its journal. An active entry stays, and so does what was acknowledged since this journal was read. */
  forget(journal: PairingJournal): Promise<void>;
  unfinished(): Promise<readonly PairingJournal[]>;
}

/** What a joiner keeps of its host, under `host:<controller_did>` in the key store: bytes base64url. */
export interface KnownHost {
  readonly host_static: string;
  readonly host_device_did: DidKey;
  readonly token: string;
  readonly device_id: string;
}

/** The home that joins. */
export interface JoinerHome {
  /** What identity.json says; null in a new home. */
  identity(): Promise<{ readonly controllerDid: DidKeri; readonly role: 'controller' | 'device' } | null>;
  /** This machine's device key, made when there is none. `renew` makes a new one and keeps the old (the old was revoked). */
  deviceKey(options: { readonly renew: boolean }): Promise<Signer>;
  /** Long-term X25519 channel key, 32 bytes, made when there is none. */
  channelSecret(): Promise<Uint8Array>;
  readonly log: EventLog;
  readonly records: AttestationStore;
  keepHost(controllerDid: DidKeri, host: KnownHost): Promise<void>;
  /** Writes identity.json with role device; called after everything else is stored. */
  adopt(controllerDid: DidKeri): Promise<void>;
}
