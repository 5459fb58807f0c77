/** What pairing takes from the command that hosts it, and what it tells it meanwhile. */
import type { LinkRecord } from '../attestation/attestation.ts';
import type { DidKey, SessionId } from '../identifiers.ts';
import type { CodeKind, SlotKind } from '../pairing/code.ts';
import type { HostSessionInput } from '../pairing/drawn-session.ts';
import type { HostRelay } from '../pairing/relay.ts';
import type { Ask, ConfirmRule, ConsentOptions } from './host-consent.ts';
import type { GrantOptions } from './host-grant.ts';
import type { HostAttempt } from './host-wait.ts';
import type { HostIdentity, PairingWorld } from './pairing-ports.ts';

export interface PairHostDeps extends PairingWorld {
  readonly relay: HostRelay;
  /** A function opens the keys first: it is called once, when the offer is shown or cannot be. A rejection ends the pairing. */
  readonly host: HostIdentity | (() => Promise<HostIdentity>);
  /** What the offer shows of the host, where that is known before its keys are open. */
  readonly face?: HostFace;
}

/** The public halves that a session commits to. Those of the opened keys must be the same, or nothing is granted. */
export type HostFace = Pick<HostSessionInput, 'controllerDid' | 'signingKey' | 'hostStatic'>;

export interface PairHostOptions extends ConsentOptions, GrantOptions {
  /** The typed code to offer; null for none. */
  readonly code: CodeKind | null;
  readonly qr: boolean;
  readonly link: boolean;
  /** 30 to 300. */
  readonly ttlSeconds: number;
  /** Whether anybody can be asked at all. */
  readonly canAsk: boolean;
  /** How often a person may type the SAS: 3 on a terminal, else 1. */
  readonly sasTries: number;
  /** Until a device answers; default the session's life. */
  readonly timeoutMs?: number;
  /** Origin whose page the link leads to (an https registry); the QR code stays as small as it can be. */
  readonly page?: string;
}

/** What is shown to the person, or printed as `offer`. */
export interface HostOffer {
  /** Of the typed code, else qr or link. */
  readonly kind: SlotKind;
  /** Grouped, as it is read out; null without one. */
  readonly code: string | null;
  /** Public; for mDNS. */
  readonly nameplate: string | null;
  readonly sessionId: SessionId;
  readonly endpoint: string;
  /** What the QR holds. */
  readonly uri: string | null;
  readonly link: string | null;
  /** Epoch ms. */
  readonly expiresAt: number;
  readonly capabilities: readonly string[];
}

export interface HostJoined {
  readonly kind: SlotKind;
  readonly deviceDid: DidKey;
  /** Cleaned, safe to show. */
  readonly deviceName: string;
  readonly sas: string;
  readonly confirm: ConfirmRule;
}

export interface PairedResult {
  readonly deviceDid: DidKey;
  readonly deviceName: string;
  readonly attestation: LinkRecord;
}

export interface PairHostCallbacks {
  readonly onOffer: (offer: HostOffer) => void | Promise<void>;
  readonly onAttempt: (attempt: HostAttempt) => void;
  readonly onJoined: (joined: HostJoined) => void;
  readonly ask: Ask;
  /** Called as soon as the grant stands. */
  readonly onPaired?: (paired: PairedResult) => void;
  /**
   * For a relay that this process serves itself: called before the first offer is shown, with what settles once the
   * relay has it. Joiners that come before must wait until then. Without it an offer is shown when the relay has it.
   */
  readonly onOpening?: (opened: Promise<unknown>) => void;
  /** `code12`: no short code was free, so the longer kind is offered. */
  readonly onNotice?: (notice: 'code12') => void;
  /** Asked after a session that expired or was used up; without it nothing is renewed. */
  readonly renew?: (why: 'session-expired' | 'attempts-exhausted') => Promise<boolean>;
  /** Keeps a LAN host up until the last message was fetched, at most `maxMs`. */
  readonly linger?: (session: SessionId, maxMs: number) => Promise<void>;
}
