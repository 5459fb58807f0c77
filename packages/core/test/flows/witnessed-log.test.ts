/** An owner with witnesses, cut off at every step: what a witness may have seen stands in the end, and nothing else does. */
import { describe, expect, it } from 'vitest';
import { createFakeRandom } from '../../../testing/src/fake-random.ts';
import {
  beforeNextAppend,
  createMemoryLog,
  createMemoryRecords,
  type MemoryLog,
} from '../../../testing/src/memory-stores.ts';
import { memoryKeyStore } from '../../../key-store/src/memory.ts';
import { nodeVerifyEngine } from '../../../key-store/src/verify-engine.ts';
import { keyOfSeed, type PaperKey } from '../../../testing/src/paper-identity.ts';
import { buildAnchor } from '../../src/attestation/sign.ts';
import { signEd25519 } from '../../src/crypto/ed25519.ts';
import { AuthsError, hasCode } from '../../src/errors.ts';
import { finishRotation, NEXT_IDENTITY, type NextKit } from '../../src/flows/finish-rotation.ts';
import { rotateKeys, type RotationPorts } from '../../src/flows/rotate-keys.ts';
import { readOwnLog, sealRecords, type Draft } from '../../src/flows/seal-records.ts';
import { WITNESS_LIMITS, receiptEvents, type WitnessLogPorts } from '../../src/flows/witness-log.ts';
import { dropPending, witnessedLog, type WitnessedLogPorts } from '../../src/flows/witnessed-log.ts';
import { didKeriOf, prefixOf, type DidKeri, type Said } from '../../src/identifiers.ts';
import { incept, nextDigestOf, storedEvent } from '../../src/keri/build.ts';
import type { Establishment, ParsedEvent } from '../../src/keri/event.ts';
import { replay } from '../../src/keri/key-state.ts';
import { parseStream } from '../../src/keri/stream.ts';
import { witnessAid } from '../../src/keri/receipt-message.ts';
import type { Signer, StoredEvent, StoredLog } from '../../src/ports.ts';

const key = (n: number): PaperKey => keyOfSeed(new Uint8Array(32).fill(n));
const signerOf = (seed: Uint8Array): Signer => {
  const copy = Uint8Array.from(seed);
  return {
    publicKey: keyOfSeed(copy).publicKey,
    sign: (message) => Promise.resolve(signEd25519(copy, message)),
  };
};

/** The process ends here. */
class Died extends Error {}

interface World {
  readonly did: DidKeri;
  readonly ports: RotationPorts;
  readonly witnessing: WitnessedLogPorts;
  readonly plain: MemoryLog;
  readonly witnesses: readonly { readonly aid: string; readonly saw: Map<number, string[]> }[];
  readonly down: Set<string>;
  /** The seed of the kit that counts. */
  readonly kit: () => Uint8Array;
  /** What is asked of events that were never published. */
  readonly disowns: Parameters<RotationPorts['disown']>[1][];
  /** Steps taken since it was last set; the process dies at step `dieAt`, `after` its effect or before. */
  readonly life: { steps: number; dieAt: number; after: boolean };
}

async function createWorld(): Promise<World> {
  const life = { steps: 0, dieAt: Number.POSITIVE_INFINITY, after: false };
  const step = async <T>(action: () => Promise<T>): Promise<T> => {
    life.steps += 1;
    const dies = life.steps === life.dieAt;
    if (life.steps > life.dieAt || (dies && !life.after)) throw new Died();
    const result = await action();
    if (dies) throw new Died();
    return result;
  };
  const stepping = <T extends object>(port: T, names: readonly (keyof T)[]): T => {
    const wrapped: Partial<Record<keyof T, unknown>> = { ...port };
    for (const name of names) {
      const inner = port[name] as (...args: unknown[]) => Promise<unknown>;
      wrapped[name] = (...args: unknown[]) => step(() => inner.apply(port, args));
    }
    return wrapped as T;
  };

  const icp = incept({ key: key(1).publicKey, nextDigest: nextDigestOf(key(2).publicKey) });
  const plain = createMemoryLog();
  await plain.append(icp.prefix, null, [
    storedEvent(icp, [{ index: 0, signature: signEd25519(key(1).seed, icp.event) }]),
  ]);
  const keys = memoryKeyStore();
  await keys.put('identity', key(1).seed);

  const kits: { now: Uint8Array; next: Uint8Array | null } = { now: key(2).seed, next: null };
  const shelf = {
    prepare: ({ nextSeed }: NextKit) => {
      kits.next = Uint8Array.from(nextSeed);
      return Promise.resolve();
    },
    prepared: () => Promise.resolve(kits.next === null ? null : Uint8Array.from(kits.next)),
    promote: () => {
      kits.now = kits.next ?? kits.now;
      kits.next = null;
      return Promise.resolve();
    },
    discard: () => {
      kits.next = null;
      return Promise.resolve();
    },
  };

  const witnesses = [91, 92, 93].map((n) => {
    const own = key(n);
    const ports: WitnessLogPorts = {
      engine: nodeVerifyEngine,
      log: createMemoryLog(),
      disputes: { record: () => Promise.resolve(true) },
      signer: signerOf(own.seed),
      limits: WITNESS_LIMITS,
      mayBegin: () => Promise.resolve(),
    };
    return { aid: witnessAid(own.publicKey), saw: new Map<number, string[]>(), ports };
  });
  const down = new Set<string>();
  let waiting: StoredEvent | null = null;
  const witnessing: WitnessedLogPorts = {
    log: stepping(plain, ['append', 'supersede']),
    engine: nodeVerifyEngine,
    clock: { sleep: () => Promise.resolve() },
    timeout: () => new AbortController().signal,
    exclusively: (action) => action(),
    pending: stepping(
      {
        read: () => Promise.resolve(waiting),
        write: (_prefix: string, event: StoredEvent) => {
          expect(waiting).toBeNull();
          waiting = event;
          return Promise.resolve();
        },
        remove: () => {
          waiting = null;
          return Promise.resolve();
        },
      },
      ['write', 'remove'],
    ),
    askWitness: (aid, prefix, stream) =>
      step(async () => {
        const asked = witnesses.find((each) => each.aid === aid);
        if (asked === undefined || down.has(aid)) throw new AuthsError('network/unreachable', 'nobody there');
        const answer = await receiptEvents(asked.ports, prefix, stream);
        const { events } = replay((await asked.ports.log.read(prefix))?.stream ?? new Uint8Array(0), {
          engine: nodeVerifyEngine,
          witnessing: 'unasked',
        });
        for (const { sequence, said } of events) {
          const saids = asked.saw.get(sequence) ?? [];
          if (!saids.includes(said)) asked.saw.set(sequence, [...saids, said]);
        }
        return answer;
      }),
  };
  const records = createMemoryRecords();
  const disowns: World['disowns'] = [];
  return {
    did: didKeriOf(icp.prefix),
    plain,
    witnessing,
    witnesses,
    down,
    kit: () => kits.now,
    disowns,
    life,
    ports: {
      random: createFakeRandom(7),
      engine: nodeVerifyEngine,
      keys: stepping(keys, ['put', 'remove']),
      kit: stepping(shelf, ['prepare', 'promote', 'discard']),
      log: witnessedLog(witnessing),
      records: stepping(records, ['put']),
      disown: (_prefix, isUndone) => {
        disowns.push(isUndone);
        return Promise.resolve();
      },
      signerOf,
    },
  };
}

function anchor(n: number): Draft {
  return buildAnchor({
    rid: new Uint8Array(16).fill(n),
    issuer: DID as DidKeri,
    objects: [{ oid: `${n}`.padStart(40, '0'), blake3: `${n}`.padStart(64, '0') }],
    anchoredAt: 1_772_323_200_000,
  });
}
let DID = '';

const seal = async ({ ports, did }: World, n: number): Promise<void> => {
  DID = did;
  await finishRotation(ports, did);
  const identity = await ports.keys.get('identity');
  await sealRecords({ ...ports, identity: signerOf((identity as { bytes: Uint8Array }).bytes) }, did, [
    anchor(n),
  ]);
};
const tipOf = async ({ plain, did }: World): Promise<Said> =>
  ((await plain.read(prefixOf(did))) as StoredLog).tip;
/** As another command does, past the one that is under test. The tip then. */
const sealAt = async (world: World, n: number): Promise<Said> => {
  DID = world.did;
  const { ports, did, plain } = world;
  const { bytes } = (await ports.keys.get('identity')) as { bytes: Uint8Array };
  await sealRecords({ ...ports, log: plain, identity: signerOf(bytes) }, did, [anchor(n)]);
  return tipOf(world);
};
const rotate = async ({ ports, did, kit, witnesses }: World, begin = false): Promise<void> => {
  if ((await finishRotation(ports, did)) === 'finished') return;
  await rotateKeys(ports, {
    issuer: did,
    nextSeed: kit(),
    ...(begin ? { witnesses: { cut: [], add: witnesses.map(({ aid }) => aid), threshold: 2 } } : {}),
  });
};

/** The whole world is sound: the log is accepted with its receipts, the keys fit it, and no witness was shown two events at one place. */
async function expectSound(world: World, where: string, rivals = 0): Promise<void> {
  const { verdict } = await readOwnLog({ log: world.plain, engine: nodeVerifyEngine }, world.did);
  const tip = verdict.events.at(-1);
  for (const { authority, receipts } of verdict.events)
    expect(receipts.length, where).toBeGreaterThanOrEqual(authority.witnessThreshold);
  const identity = (await world.ports.keys.get('identity')) as { bytes: Uint8Array };
  expect(tip?.keys[0], where).toEqual(signerOf(identity.bytes).publicKey);
  expect(tip?.authority.next, where).toEqual([nextDigestOf(signerOf(world.kit()).publicKey)]);
  for (const { saw } of world.witnesses)
    for (const [sequence, saids] of saw) {
      expect(saids.length, `${where}: event ${sequence} at a witness`).toBeLessThanOrEqual(1 + rivals);
      if (saids.length === 1) expect(verdict.events[sequence]?.said, where).toBe(saids[0]);
    }
}

/** Runs `action` in a fresh world, dying at every step it takes; then runs it again. Resolves to the number of steps. */
async function dieEverywhere(
  prepare: (world: World) => Promise<void>,
  action: (world: World) => Promise<void>,
): Promise<number> {
  const counting = await createWorld();
  await prepare(counting);
  counting.life.steps = 0;
  await action(counting);
  await expectSound(counting, 'alive');
  const { steps } = counting.life;
  for (let dieAt = 1; dieAt <= steps; dieAt++) {
    for (const after of [false, true]) {
      const world = await createWorld();
      await prepare(world);
      const where = `dies ${after ? 'after' : 'before'} step ${dieAt} of ${steps}`;
      Object.assign(world.life, { steps: 0, dieAt, after });
      await expect(action(world), where).rejects.toThrow(Died);
      Object.assign(world.life, { steps: 0, dieAt: Number.POSITIVE_INFINITY });
      await action(world).catch((error: unknown) => {
        throw new Error(where, { cause: error });
      });
      await expectSound(world, where);
      const { events } = (await readOwnLog({ log: world.plain, engine: nodeVerifyEngine }, world.did))
        .verdict;
      const { events: expected } = (
        await readOwnLog({ log: counting.plain, engine: nodeVerifyEngine }, counting.did)
      ).verdict;
      // Run again after its last steps a rotation may rotate once more; it never does less.
      expect(events.length, where).toBeGreaterThanOrEqual(expected.length);
    }
  }
  return steps;
}

const begun = async (world: World): Promise<void> => {
  const log = await world.ports.log.read(prefixOf(world.did));
  await rotate(world, log?.version.startsWith('1:'));
};

describe('a rotation', () => {
  it('behind the tip is made anew upon what another command appended meanwhile; at another place it is not', async () => {
    const world = await createWorld();
    const { did, plain, ports } = world;
    beforeNextAppend(plain, () => sealAt(world, 1));
    expect(await rotateKeys(ports, { issuer: did, nextSeed: world.kit() })).toMatchObject({ sequence: 2 });
    await expectSound(world, 'rotated');
    const upon = await tipOf(world);
    beforeNextAppend(plain, () => sealAt(world, 2));
    await expect(
      rotateKeys(ports, { issuer: did, nextSeed: world.kit(), place: { at: 3, upon } }),
    ).rejects.toMatchObject({ code: 'kel/conflict' });
    await expectSound(world, 'undone');
  });

  it.each([
    ['before the log is read again', false],
    ['at the very moment of its append', true],
  ])('gives up nothing that was sealed after its place was decided, %s', async (_when, atTheAppend) => {
    const world = await createWorld();
    const { did, plain, ports } = world;
    const { at, upon } = { at: 1, upon: await sealAt(world, 1) };
    const other = (): Promise<unknown> => sealAt(world, 2);
    if (atTheAppend) beforeNextAppend(plain, other);
    else await other();
    const kit = world.kit();
    await expect(
      rotateKeys(ports, { issuer: did, nextSeed: kit, place: { at, upon } }),
    ).rejects.toMatchObject({ code: 'kel/conflict', message: expect.stringContaining('has grown') });
    const { verdict } = await readOwnLog({ log: plain, engine: nodeVerifyEngine }, did);
    expect(verdict.events.map(({ ilk }) => ilk)).toEqual(['icp', 'ixn', 'ixn']);
    expect([world.kit(), (await ports.keys.list()).map(({ alias }) => alias)]).toEqual([kit, ['identity']]);
    await expectSound(world, 'nothing is changed');
    // Decided anew, on what the log holds now.
    const anew = { at, upon: await tipOf(world) };
    expect(await rotateKeys(ports, { issuer: did, nextSeed: kit, place: anew })).toMatchObject({
      sequence: 1,
    });
    await expectSound(world, 'rotated');
  });
});

/** A rotation that has died: at its second step the kit stands, at its fourth the seed and the rot as well. */
const died = async (dieAt: number): Promise<World> => {
  const world = await createWorld();
  Object.assign(world.life, { steps: 0, dieAt });
  await expect(rotate(world)).rejects.toThrow(Died);
  Object.assign(world.life, { steps: 0, dieAt: Number.POSITIVE_INFINITY });
  return world;
};
const fits = async ({ ports, did }: World, seed: Uint8Array): Promise<boolean> => {
  const { verdict } = await readOwnLog({ log: ports.log, engine: nodeVerifyEngine }, did);
  return verdict.events.at(-1)?.authority.next[0] === nextDigestOf(signerOf(seed).publicKey);
};

/** Whether an event that reveals `key(n)` and commits to `next` was disowned. */
function disownedBy({ disowns }: World, n: number, next: Uint8Array = key(9).seed): boolean {
  const { event } = incept({ key: key(n).publicKey, nextDigest: nextDigestOf(signerOf(next).publicKey) });
  const [made] = parseStream(event).messages.map((message) => message.event as ParsedEvent);
  return disowns.some((isUndone) => isUndone(made?.establishment as Establishment));
}

describe('the kit of a rotation that died', () => {
  it.each([
    ['are lost', ['identity', NEXT_IDENTITY]],
    ['are those from before it', [NEXT_IDENTITY]],
  ])('is never dropped where its rot stands and the keys %s: it goes on', async (_what, lost) => {
    const world = await died(4);
    const { ports, did } = world;
    for (const alias of lost) await ports.keys.remove(alias);
    expect(await finishRotation(ports, did)).toBe('kit');
    expect(await finishRotation(ports, did)).toBe('none');
    expect(await fits(world, world.kit())).toBe(true);
    await rotate(world);
    await expectSound(world, 'rotated from that kit');
  });

  it('takes the place of the old one, whatever older rotation waits in the keys that were put back', async () => {
    const world = await died(4);
    const { ports, did } = world;
    await ports.keys.put(NEXT_IDENTITY, new Uint8Array(32).fill(9), { replace: true });
    expect(await finishRotation(ports, did)).toBe('kit');
    expect(await fits(world, world.kit())).toBe(true);
  });

  it('is dropped where the key in force is here, and stays while that is not', async () => {
    const world = await died(2);
    const { ports, did } = world;
    const identity = (await ports.keys.get('identity')) as { bytes: Uint8Array };
    await ports.keys.remove('identity');
    expect(await finishRotation(ports, did)).toBe('none');
    const made = (await ports.kit.prepared()) as Uint8Array;
    await ports.keys.put('identity', identity.bytes);
    expect(await finishRotation(ports, did)).toBe('none');
    expect(await ports.kit.prepared()).toBeNull();
    expect(await fits(world, world.kit())).toBe(true);
    expect(disownedBy(world, 9, made)).toBe(true);
  });

  it('that was undone: its rot is disowned, and none of another key', async () => {
    const world = await died(3);
    expect(await finishRotation(world.ports, world.did)).toBe('undone');
    expect([disownedBy(world, 2), disownedBy(world, 1)]).toEqual([true, false]);
    await rotate(world);
    await expectSound(world, 'rotated after that');
  });
});

describe('a log with witnesses', () => {
  it('goes on with two of three; the third is given what it missed', async () => {
    const world = await createWorld();
    await begun(world);
    const third = world.witnesses[2] as World['witnesses'][number];
    world.down.add(third.aid);
    await seal(world, 1);
    await seal(world, 2);
    world.down.clear();
    await seal(world, 3);
    expect([...third.saw.keys()]).toEqual([0, 1, 2, 3, 4]);
    await expectSound(world, 'two of three');
  });

  it('waits with one of three, and asks again for the very same event', async () => {
    const world = await createWorld();
    await begun(world);
    const [one, two, three] = world.witnesses as [
      World['witnesses'][0],
      World['witnesses'][0],
      World['witnesses'][0],
    ];
    world.down.add(two.aid).add(three.aid);
    const unmet = await seal(world, 1).catch((error: unknown) => error);
    expect(hasCode(unmet, 'witness/unmet') && unmet.details).toMatchObject({ needed: 2, receipts: 1 });
    const before = await world.plain.read(prefixOf(world.did));
    // Whatever comes next finishes it first, or fails for the same reason; nothing is published meanwhile.
    for (const next of [
      () => seal(world, 2),
      () => rotate(world),
      () => world.ports.log.read(prefixOf(world.did)),
    ])
      await expect(next()).rejects.toThrow(/needs 2 of 3/);
    expect(await world.plain.read(prefixOf(world.did))).toEqual(before);
    world.down.clear();
    await seal(world, 2);
    await expectSound(world, 'all back');
    expect([...one.saw.keys()]).toEqual([0, 1, 2, 3]);
  });

  it('dies anywhere in sealing and in rotating', async () => {
    const steps = [
      await dieEverywhere(begun, (world) => seal(world, 1)),
      await dieEverywhere(begun, (world) => rotate(world)),
      await dieEverywhere(() => Promise.resolve(), begun),
    ];
    expect(steps[0]).toBeGreaterThanOrEqual(7);
    expect(steps[1]).toBeGreaterThanOrEqual(11);
  });

  it('a rotation may take the place of what waits, where it leaves out those that have seen it', async () => {
    const world = await createWorld();
    await begun(world);
    const [one, two, three] = world.witnesses as [
      World['witnesses'][0],
      World['witnesses'][0],
      World['witnesses'][0],
    ];
    world.down.add(two.aid).add(three.aid);
    await expect(rotate(world)).rejects.toThrow(/needs 2 of 3/);
    // `one` has seen a rotation that nobody else has; the owner gives it up, and the witness with it.
    world.down.clear();
    await dropPending(world.witnessing, prefixOf(world.did));
    expect(await finishRotation(world.ports, world.did)).toBe('undone');
    await rotateKeys(world.ports, {
      issuer: world.did,
      nextSeed: world.kit(),
      witnesses: { cut: [one.aid], add: [], threshold: 2 },
    });
    await seal(world, 4);
    const { verdict } = await readOwnLog({ log: world.plain, engine: nodeVerifyEngine }, world.did);
    expect(verdict.state).toMatchObject({
      sequence: 3,
      witnesses: [two.aid, three.aid],
      witnessThreshold: 2,
    });
  });

  it('says which witness holds another event: the log was used elsewhere', async () => {
    const world = await createWorld();
    await begun(world);
    const twin = await createWorld();
    await begun(twin);
    // The same home twice, the same witnesses.
    Object.assign(twin.witnessing, { askWitness: world.witnessing.askWitness });
    const other: World = { ...twin, ports: { ...twin.ports, log: witnessedLog(twin.witnessing) } };
    await seal(world, 1);
    const refused = await seal(other, 2).catch((error: unknown) => error);
    expect(hasCode(refused, 'witness/unmet') && refused.message).toMatch(/receipted another event 2/);
    await expectSound(world, 'the first one');
  });
});
