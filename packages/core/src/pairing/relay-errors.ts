/** The refusals of a relay: one sentence each, the same from every relay. */
import { AuthsError } from '../errors.ts';

export type RelayErrorName =
  | 'unauthorized'
  | 'not-found'
  | 'conflict'
  | 'offer-consumed'
  | 'already-used'
  | 'session-expired'
  | 'attempts-exhausted'
  | 'cancelled'
  | 'capacity-exhausted';

const SENTENCES: Readonly<Record<RelayErrorName, string>> = {
  unauthorized: 'this call needs the token of the session',
  'not-found': 'no open pairing session by that name',
  conflict: 'the session is not in a state that takes this',
  'offer-consumed': 'another answer to this offer came first',
  'already-used': 'this session has been answered by a device',
  'session-expired': 'the pairing session has expired',
  'attempts-exhausted': 'too many wrong answers: this way into the session is closed',
  cancelled: 'the pairing session was ended',
  'capacity-exhausted': 'the session holds as much as it may: fetch what waits first',
};

/** A refusal of the relay, with the same words from every relay. */
export function relayError(name: RelayErrorName): AuthsError {
  return new AuthsError(`pairing/${name}`, SENTENCES[name]);
}
