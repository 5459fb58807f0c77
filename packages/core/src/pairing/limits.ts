/**
 * The limits of auths-pair/1 (docs/protocol.md, "Limits"): the bounds that are part of the protocol, and
 * the ones that an operator may set.
 */

/** Longest life of an offer, and the shortest, in seconds. */
export const TTL_SECONDS: { readonly min: number; readonly max: number } = { min: 30, max: 300 };
/** After a session's ttl a pairing that has begun may take this long to complete. */
export const COMPLETION_MS = 240_000;
/** Responses that one slot takes before it ends. */
export const ATTEMPTS_PER_SLOT = 3;
/** Responses that a joiner sends for one typed code. */
export const RUNS_PER_CODE = 3;
/** Sessions that a host opens in one command beyond the first. */
export const RENEWALS = 2;
/** A person has this long to compare and answer. */
export const CONSENT_MS = 120_000;
/** A machine has this long to answer. */
export const MACHINE_MS = 30_000;
/** A provisional device that never acknowledged counts as gone after this long. */
export const PROVISIONAL_MS = 600_000;
/** A LAN host stays up this long for "anchored" to be fetched. */
export const LINGER_MS = 10_000;
/** The longest that a GET is held open. */
export const LONG_POLL_MS = 25_000;
/** One call and its whole answer take no longer: longer than the longest long-poll. */
export const CALL_MS = 40_000;
/** Clocks of two devices may differ by this much. */
export const CLOCK_TOLERANCE_SECONDS = 300;

/** HTTP bodies: bytes, nesting, and the length of strings. */
export const BODY_BYTES = 16_384;
export const BODY_DEPTH = 8;
export const SEALED_LENGTH = 16_000;
/** One message inside an envelope carries at most this much CESR text or record JSON. */
export const CHUNK_BYTES = 8_192;
/** Most bytes of data whose envelope, padded and in base64url, still fits `sealed`. */
export const ENVELOPE_DATA = 11_260;
/** Whole logs and record sets that a joiner takes in pieces. */
export const REASSEMBLY_BYTES = 4_194_304;
/** Characters of a device name. */
export const DEVICE_NAME_LENGTH = 64;

/** What an operator may set (`--limit NAME=N`, AUTHS_LIMITS); the names are the setting's names. */
export interface PairingLimits {
  /** Longest `ttl_seconds` that a session may ask for. */
  readonly ttlSeconds: number;
  readonly liveSessions: number;
  readonly liveSessionsPerAddress: number;
  /** Live two-letter nameplates above which new ones are refused. */
  readonly liveShortNameplates: number;
  readonly nameplateCoolDownSeconds: number;
  readonly createPerMinute: number;
  readonly lookupsPerMinute: number;
  /** Misses in a row before each further one costs 2^n seconds. */
  readonly missesBeforeDelay: number;
  readonly missDelayMaxSeconds: number;
  readonly responsesPerMinute: number;
  /** Answers to by-code take at least this long, found or not. */
  readonly lookupFloorMs: number;
  readonly longPollMs: number;
  /** Waiting before `confirmed`. */
  readonly waitingMessages: number;
  readonly waitingBytes: number;
  /** Waiting after `confirmed`. */
  readonly confirmedMessages: number;
  readonly confirmedBytes: number;
  /** In all sessions together. */
  readonly totalBytes: number;
}

/** The defaults of a registry. */
export const DEFAULT_LIMITS: PairingLimits = {
  ttlSeconds: TTL_SECONDS.max,
  liveSessions: 10_000,
  liveSessionsPerAddress: 10,
  liveShortNameplates: 480,
  nameplateCoolDownSeconds: 600,
  createPerMinute: 5,
  lookupsPerMinute: 20,
  missesBeforeDelay: 3,
  missDelayMaxSeconds: 300,
  responsesPerMinute: 10,
  lookupFloorMs: 100,
  longPollMs: LONG_POLL_MS,
  waitingMessages: 64,
  waitingBytes: 256 * 1024,
  confirmedMessages: 256,
  confirmedBytes: 1024 * 1024,
  totalBytes: 256 * 1024 * 1024,
};

/** A LAN host serves its own sessions only, so it keeps less. */
export const LAN_LIMITS: PairingLimits = { ...DEFAULT_LIMITS, totalBytes: 4 * 1024 * 1024 };
