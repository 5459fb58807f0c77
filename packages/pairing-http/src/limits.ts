/** The limits that an operator may set, with their defaults (docs/protocol.md, "Limits"). The names are those of `--limit NAME=N`. */
export { DEFAULT_LIMITS, LAN_LIMITS, type PairingLimits } from '@auths/core/pairing/limits';
