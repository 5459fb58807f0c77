/** What joining is asked, what it tells, and what its steps share. */
import type { LinkRecord } from '../attestation/attestation.ts';
import { AuthsError } from '../errors.ts';
import type { DidKey, DidKeri, SessionId } from '../identifiers.ts';
import type { SlotKind } from '../pairing/code.ts';
import type { JoiningDevice } from '../pairing/joiner.ts';
import { MACHINE_MS } from '../pairing/limits.ts';
import type { JoinerRelay } from '../pairing/relay.ts';
import type { JoinInput } from '../pairing/uri.ts';
import type { CancelSignal, Clock } from '../ports.ts';
import type { JoinerHome, PairingWorld } from './pairing-ports.ts';

export interface PairJoinDeps extends PairingWorld {
  readonly home: JoinerHome;
  /** Who may be the host: one relay, or up to three answers of mDNS, best first. None: nobody was found. */
  readonly relaysFor: (input: JoinInput, signal: CancelSignal) => Promise<readonly JoinerRelay[]>;
}

export interface PairJoinOptions {
  readonly input: JoinInput;
  readonly deviceName: string;
  /** `--expect-host`: replaces the question. */
  readonly expectHost?: DidKeri;
  /** A person at a terminal is asked (never for a QR). */
  readonly ask: boolean;
  /** Until a host answers. */
  readonly timeoutMs: number;
}

export interface JoinOffer {
  readonly kind: SlotKind;
  readonly sessionId: SessionId;
  readonly endpoint: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

export interface JoinSas {
  readonly kind: SlotKind;
  readonly sas: string;
  readonly controllerDid: DidKeri;
  readonly capabilities: readonly string[];
}

export interface JoinResult {
  /** `already`: this home was paired with this identity before; nothing changed. */
  readonly status: 'paired' | 'already';
  readonly controllerDid: DidKeri;
  readonly deviceDid: DidKey;
  readonly deviceName: string;
  readonly attestation: LinkRecord;
}

export interface PairJoinCallbacks {
  readonly onOffer: (offer: JoinOffer) => void;
  readonly onSas: (sas: JoinSas) => void;
  /** The person's word on what `onSas` showed; null when nobody is there. Needed when `ask` is set. */
  readonly confirm?: (sas: JoinSas, signal: CancelSignal) => Promise<boolean | null>;
  /** A candidate was not the host; the next is tried. */
  readonly onCandidateFailed?: (endpoint: string, error: unknown) => void;
  /** Asks for the code again after `pake-failed`; null gives up. */
  readonly retype?: (error: AuthsError) => Promise<JoinInput | null>;
  readonly onPaired?: (result: JoinResult) => void;
}

/** What every step of one command shares. */
export interface JoinContext extends PairJoinDeps {
  readonly options: PairJoinOptions;
  readonly callbacks: PairJoinCallbacks;
  readonly device: JoiningDevice;
  readonly deviceDid: DidKey;
  readonly standing: Standing;
  /** Responses sent in this command. */
  readonly runs: { sent: number };
  readonly signal: CancelSignal | undefined;
}

/** What this home is before it joins. */
export interface Standing {
  readonly controllerDid: DidKeri | null;
  readonly role: 'controller' | 'device' | null;
  /** `pending`: stored, but no seal of it was seen; `none` also for a device whose link has expired, or that counts for nothing. */
  readonly state: 'none' | 'pending' | 'active' | 'revoked';
  /** The link that holds, when active. */
  readonly link: LinkRecord | null;
}

/** However late it is, a host that has just been found gets this long for a step of its own. */
const STEP_MS = 10_000;

/** How long a host that was found may take over its next step: until `until` (monotonic ms), a machine's time at most. */
export function patience(clock: Clock, until: number): number {
  return Math.min(MACHINE_MS, Math.max(STEP_MS, until - clock.monotonic()));
}

/** Nobody answers for this code. */
export function noPeer(): AuthsError<'pairing/no-peer'> {
  return new AuthsError('pairing/no-peer', 'no pairing host answers', {
    hint: 'Check that `auths pair` is still running there and that both devices are on the same network, or name the host with --host or --registry.',
  });
}
