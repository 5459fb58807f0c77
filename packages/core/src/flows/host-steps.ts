/** What a host does after its offer is shown, in one module, so that showing it need not wait for this to load. */
export { createBodyOf, openHostSession } from '../pairing/host-session.ts';
export { insist } from './insist.ts';
export { finishPairings } from './finish-pairings.ts';
export { requireAuthority } from './host-authority.ts';
export { grant } from './host-grant.ts';
export { awaitKeyed } from './host-wait.ts';
