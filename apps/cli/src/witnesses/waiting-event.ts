/** The event that waits for its witnesses, when a rotation comes that may take its place. */
import { hasCode, type AuthsError } from '@auths/core/errors';
import { requireReplaceable } from '@auths/core/flows/replace-waiting';
import type { RotationPorts } from '@auths/core/flows/rotate-keys';
import { dropPending } from '@auths/core/flows/witnessed-log';
import { prefixOf, type DidKeri } from '@auths/core/identifiers';
import type { WitnessChange } from '@auths/core/keri/build';
import type { Authority } from '@auths/core/keri/key-state';
import type { Context } from '../command.ts';
import type { IdentityStores } from '../remotes/pull-remote.ts';
import { readWitnesses } from './known-witnesses.ts';
import { witnessedLogPorts } from './own-log.ts';
import { holdsReceipt } from './witness-client.ts';

/** An event that waits for its witnesses comes before anything else. What it still lacks, where the rotation to come may take its place. */
export async function waitingEvent(
  { log }: RotationPorts,
  issuer: DidKeri,
  mayGiveUp: boolean,
): Promise<AuthsError<'witness/unmet'> | null> {
  try {
    await log.read(prefixOf(issuer));
    return null;
  } catch (error) {
    if (!hasCode(error, 'witness/unmet') || !mayGiveUp) throw error;
    return error;
  }
}

/** The last look before the event that waits is lost: everything else about the rotation to come is known to be right. */
export async function giveUpWaiting(
  context: Context,
  stores: IdentityStores,
  blocked: AuthsError<'witness/unmet'>,
  { witnesses, witnessThreshold }: Pick<Authority, 'witnesses' | 'witnessThreshold'>,
  change: WitnessChange | null,
): Promise<void> {
  const prefix = prefixOf(stores.identity.controller_did);
  const ports = await witnessedLogPorts(context, stores);
  await requireReplaceable(
    ports,
    holdsReceipt(() => readWitnesses(context.home)),
    prefix,
    {
      witnesses: [
        ...witnesses.filter((witness) => change?.cut.includes(witness) !== true),
        ...(change?.add ?? []),
      ],
      threshold: change?.threshold ?? witnessThreshold,
    },
  );
  await dropPending(ports, prefix);
  context.note(`${blocked.message}. It is given up: what it would have sealed has to be done again.`);
}
