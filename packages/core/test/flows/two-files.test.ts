/** Request and answer: every changed byte is refused, and only what the device signed is granted. */
import { assert, asyncProperty, integer, nat } from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../testing/src/fake-clock.ts';
import { createFakeRandom } from '../../../testing/src/fake-random.ts';
import { beforeNextAppend } from '../../../testing/src/memory-stores.ts';
import {
  createAuthority,
  createJoinerHome,
  type TestAuthority,
  type TestJoinerHome,
} from '../../../testing/src/two-device-world.ts';
import { pairedDevicesOver } from '../../../key-store/src/paired-devices.ts';
import { nodeVerifyEngine as engine } from '../../../key-store/src/verify-engine.ts';
import type { DeviceState } from '../../src/attestation/device-state.ts';
import { buildExtension, digestOf } from '../../src/attestation/sign.ts';
import { isAuthsError } from '../../src/errors.ts';
import { sealRecords } from '../../src/flows/seal-records.ts';
import type { StoredEvent, StoredLog } from '../../src/ports.ts';
import { acceptRequest, type AcceptedRequest } from '../../src/flows/accept-request.ts';
import { finishPairings } from '../../src/flows/finish-pairings.ts';
import { ownDevices } from '../../src/flows/own-devices.ts';
import { parseAnswer } from '../../src/flows/device-answer.ts';
import type { PairedDevice, PairedDevices } from '../../src/flows/pairing-ports.ts';
import { parseRequest, requestFingerprint } from '../../src/flows/device-request.ts';
import { readStanding } from '../../src/flows/join-store.ts';
import { requestDevice, takeAnswer } from '../../src/flows/take-answer.ts';
import { prefixOf } from '../../src/identifiers.ts';
import type { JsonValue } from '../../src/encoding/json.ts';
import { storedEventOf } from '../../src/keri/build.ts';
import { replay } from '../../src/keri/key-state.ts';

const DAY = 86_400_000;
const clock = createFakeClock();
const random = createFakeRandom(3);
let host: TestAuthority;
let home: TestJoinerHome;
let request: Uint8Array;
let answer: Uint8Array;

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (!isAuthsError(error)) throw error;
    return error.code;
  }
}

/** Accepted so much later. */
const later = (ms: number): Promise<string> =>
  codeOf(
    acceptRequest(
      { clock: { ...clock, now: () => clock.now() + ms }, random, engine, host },
      request,
      {},
      () => Promise.resolve(),
    ),
  );

beforeAll(async () => {
  host = await createAuthority(clock, random);
  home = createJoinerHome(random);
  const wish = { controllerDid: host.controllerDid, name: 'desk', capabilities: ['sign_commit'] };
  ({ file: request } = await requestDevice({ clock, random, engine, home }, wish));
  const accepted = await acceptRequest({ clock, random, engine, host }, request, {}, () => Promise.resolve());
  answer = accepted.answer;
});

describe('a request', () => {
  it('says whose device it shall be, and its fingerprint is of every byte', () => {
    const parsed = parseRequest(request, engine, clock.now());
    expect(parsed.link).toMatchObject({
      issuer: host.controllerDid,
      name: 'desk',
      capabilities: ['sign_commit'],
    });
    const seen = new Set([...request.keys()].map((at) => requestFingerprint(flipped(request, at, 1))));
    expect(seen.size).toBe(request.length);
  });

  it('no byte of it can change', async () => {
    await assert(
      asyncProperty(nat(), integer({ min: 1, max: 255 }), async (at, mask) => {
        const changed = flipped(request, at % request.length, mask);
        const before = host.devices.entries.length;
        const code = await codeOf(
          acceptRequest({ clock, random, engine, host }, changed, {}, () => Promise.resolve()),
        );
        expect(['input/malformed', 'storage/version', 'pairing/weak-key']).toContain(code);
        expect(host.devices.entries.length).toBe(before);
      }),
      { numRuns: 400 },
    );
  });

  it('is good for a week, and not for a time to come', async () => {
    expect(await later(6 * DAY)).toBe('done');
    expect(await later(8 * DAY)).toBe('pairing/session-expired');
    expect(await later(-2 * DAY)).toBe('pairing/clock-skew');
  });

  it('grants nothing when the person says no', async () => {
    const other = createJoinerHome(random);
    const wish = { controllerDid: host.controllerDid, name: 'no', capabilities: ['sign_commit'] };
    const { file } = await requestDevice({ clock, random, engine, home: other }, wish);
    const before = [
      host.devices.entries.length,
      (await host.log.read(host.controllerDid.slice(9) as never))?.tip,
    ];
    await expect(
      acceptRequest({ clock, random, engine, host }, file, {}, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no');
    expect([
      host.devices.entries.length,
      (await host.log.read(host.controllerDid.slice(9) as never))?.tip,
    ]).toEqual(before);
  });
});

describe('an identity that is rotated while the person compares', () => {
  it('grants nothing by the key of before', async () => {
    const own = await createAuthority(clock, createFakeRandom(4));
    const wish = { controllerDid: own.controllerDid, name: 'late', capabilities: ['sign_commit'] };
    const { file } = await requestDevice({ clock, random, engine, home: createJoinerHome(random) }, wish);
    const accepted = acceptRequest({ clock, random, engine, host: own }, file, {}, own.rotate);
    await expect(accepted).rejects.toMatchObject({
      code: 'identity/not-authority',
      hint: 'nothing was granted; run auths devices accept again',
    });
    expect([own.devices.entries, own.devices.journals]).toEqual([[], []]);
  });
});

const dies = (): Promise<never> => Promise.reject(new Error('dead'));

describe('an identity that is rotated after the person has agreed', () => {
  type Own = Omit<TestAuthority, 'reopen'>;
  const asks = async (own: Own): Promise<{ readonly joiner: TestJoinerHome; readonly file: Uint8Array }> => {
    const joiner = createJoinerHome(random);
    const wish = { controllerDid: own.controllerDid, name: 'late', capabilities: ['sign_commit'] };
    const { file } = await requestDevice({ clock, random, engine, home: joiner }, wish);
    return { joiner, file };
  };
  const accept = (own: Own, file: Uint8Array): Promise<AcceptedRequest> =>
    acceptRequest({ clock, random, engine, host: own }, file, {}, () => Promise.resolve());
  const isWhole = async (own: Own): Promise<void> => {
    const fold = await ownDevices({ ...own, engine }, own.controllerDid);
    expect([fold.devices.map(({ name }) => name), fold.missing]).toEqual([['laptop', 'late'], []]);
    expect(own.devices.entries).toMatchObject([{ name: 'late', status: 'active' }]);
    expect(own.devices.journals).toEqual([]);
  };

  it('grants and answers by the key that the log names then', async () => {
    const own = await createAuthority(clock, createFakeRandom(6));
    const { joiner, file } = await asks(own);
    beforeNextAppend(own.log, own.rotate);
    const accepted = await accept(own, file);
    await isWhole(own);
    await takeAnswer({ clock, random, engine, home: joiner }, file, accepted.answer);
    expect(await readStanding({ clock, random, engine, home: joiner })).toMatchObject({ state: 'active' });
  });

  it('says what follows when its key is not here', async () => {
    const { reopen, ...own } = await createAuthority(clock, createFakeRandom(6));
    const { file } = await asks(own);
    beforeNextAppend(own.log, own.rotate);
    await expect(accept(own, file)).rejects.toMatchObject({
      code: 'key/not-found',
      message: expect.stringContaining('late is let in, but its place is not sealed yet'),
      hint: expect.stringContaining('the next command here that opens the identity key seals it'),
    });
    const rotated = { ...own, identity: await reopen() };
    await finishPairings({ clock, random, engine, host: rotated });
    await isWhole(own);
  });

  it.each([
    ['before its seal', { append: true }],
    ['after its seal', { append: false }],
  ])('finishes by that key what died %s, and the answer can be had again', async (_when, { append }) => {
    const own = await createAuthority(clock, createFakeRandom(6));
    const { joiner, file } = await asks(own);
    if (append) beforeNextAppend(own.log, dies);
    const devices = append ? own.devices : { ...own.devices, activate: dies };
    const dead = acceptRequest({ clock, random, engine, host: { ...own, devices } }, file, {}, () =>
      Promise.resolve(),
    );
    await expect(dead).rejects.toThrow('dead');
    await own.rotate();
    const rotated = { ...own, identity: await own.reopen() };
    expect(await finishPairings({ clock, random, engine, host: rotated })).toMatchObject({
      activated: ['late'],
    });
    await isWhole(own);
    const { answer: again } = await accept(rotated, file);
    await takeAnswer({ clock, random, engine, home: joiner }, file, again);
    expect(await readStanding({ clock, random, engine, home: joiner })).toMatchObject({ state: 'active' });
  });
});

/** What `auths id rotate --reason compromised --all` does in another process: its rotation takes the place of the seal. */
async function giveUp({ log, controllerDid }: TestAuthority, before: StoredLog): Promise<void> {
  const prefix = prefixOf(controllerDid);
  const { version } = (await log.read(prefix)) as StoredLog;
  const { events } = replay(before.stream, { engine });
  await log.supersede(prefix, version, events.length - 1, events.slice(-1).map(storedEventOf));
}

/** The log gives it up before its device is active, or after. */
async function givingUp(when: 'before' | 'after'): Promise<{
  readonly own: TestAuthority;
  readonly ports: Parameters<typeof acceptRequest>[0];
  readonly file: Uint8Array;
}> {
  const own = await createAuthority(clock, createFakeRandom(9));
  const wish = { controllerDid: own.controllerDid, name: 'late', capabilities: ['sign_commit'] };
  const { file } = await requestDevice({ clock, random, engine, home: createJoinerHome(random) }, wish);
  const log = (await own.log.read(prefixOf(own.controllerDid))) as StoredLog;
  const activate: PairedDevices['activate'] = async (...of) => {
    if (when === 'before') await giveUp(own, log);
    const isActive = await own.devices.activate(...of);
    if (when === 'after') await giveUp(own, log);
    return isActive;
  };
  const ports = { clock, random, engine, host: { ...own, devices: { ...own.devices, activate } } };
  return { own, ports, file };
}

describe('a grant that the log gives up while it comes to its end', () => {
  it.each([
    ['before', []],
    // The rotation closes it.
    ['after', [{ status: 'active' }]],
  ] as const)('%s its device is active: nobody is told that it is in', async (when, left) => {
    const { own, ports, file } = await givingUp(when);
    await expect(acceptRequest(ports, file, {}, () => Promise.resolve())).rejects.toMatchObject({
      code: 'pairing/forbidden',
      message: expect.stringContaining('given it up by a rotation'),
    });
    expect(own.devices.entries).toMatchObject(left);
    expect(own.devices.journals).toEqual([]);
  });

  it('is forgotten by the command that finishes it for one that died', async () => {
    const { own, ports, file } = await givingUp('before');
    const dead = { ...ports, host: { ...own, devices: { ...own.devices, activate: dies } } };
    await expect(acceptRequest(dead, file, {}, () => Promise.resolve())).rejects.toThrow('dead');
    expect(await finishPairings(ports)).toEqual({ activated: [], forgotten: ['late'] });
    expect([own.devices.entries, own.devices.journals]).toEqual([[], []]);
  });
});

/** A request by a new device. */
const asking = async (wish: {
  readonly capabilities: readonly string[];
  readonly expiresInMs?: number;
}): Promise<Uint8Array> => {
  const full = { controllerDid: host.controllerDid, name: 'more', ...wish };
  return (await requestDevice({ clock, random, engine, home: createJoinerHome(random) }, full)).file;
};
const asked = (): Promise<void> => Promise.reject(new Error('asked'));

describe('what a request asks for', () => {
  it('is granted within what the host allows, and nobody is asked about more', async () => {
    const file = await asking({ capabilities: ['sign_commit', 'manage_policy'] });
    const ports = { clock, random, engine, host };
    const before = host.devices.entries.length;
    expect(await codeOf(acceptRequest(ports, file, { capabilities: ['sign_commit'] }, asked))).toBe(
      'pairing/forbidden',
    );
    expect(host.devices.entries.length).toBe(before);
    const capabilities = ['manage_policy', 'sign_commit'];
    const { link } = await acceptRequest(ports, file, { capabilities }, () => Promise.resolve());
    expect(link.capabilities).toEqual(capabilities);
  });

  it('is not granted once its own expiry is over', async () => {
    const file = await asking({ capabilities: ['sign_commit'], expiresInMs: 3_600_000 });
    const tomorrow = { clock: { ...clock, now: () => clock.now() + DAY }, random, engine, host };
    expect(await codeOf(acceptRequest(tomorrow, file, {}, asked))).toBe('pairing/session-expired');
  });

  it('leaves no trace on a device that hears of it too late', async () => {
    const late = createJoinerHome(random);
    const wish = { controllerDid: host.controllerDid, name: 'late', capabilities: ['sign_commit'] };
    const { file } = await requestDevice(
      { clock, random, engine, home: late },
      { ...wish, expiresInMs: 3_600_000 },
    );
    const accepted = await acceptRequest({ clock, random, engine, host }, file, {}, () => Promise.resolve());
    const tomorrow = { clock: { ...clock, now: () => clock.now() + DAY }, random, engine, home: late };
    expect(await codeOf(takeAnswer(tomorrow, file, accepted.answer))).toBe('pairing/host-identity-invalid');
    expect([await late.identity(), late.writes]).toEqual([null, []]);
  });
});

describe('one request, accepted by two commands at once', () => {
  it('is one grant and two answers, whichever step the other comes between', async () => {
    for (let at = 0, isOver = false; !isOver; at++) {
      const own = await createAuthority(clock, createFakeRandom(5));
      const wish = { controllerDid: own.controllerDid, name: 'twice', capabilities: ['sign_commit'] };
      const { file } = await requestDevice({ clock, random, engine, home: createJoinerHome(random) }, wish);
      const disk = createDisk();
      const accept = (devices: PairedDevices): Promise<AcceptedRequest> =>
        acceptRequest({ clock, random, engine, host: { ...own, devices } }, file, {}, () =>
          Promise.resolve(),
        );
      let left = at;
      let other: AcceptedRequest | undefined;
      const step = async (): Promise<void> => {
        if (left-- === 0) other = await accept(disk.open(() => Promise.resolve()));
      };
      const one = await accept(disk.open(step));
      isOver = other === undefined;
      if (isOver) expect(at).toBeGreaterThan(6);
      else expect(other?.answer, `step ${at}`).toEqual(one.answer);
      expect([...disk.journal.keys()], `step ${at}`).toEqual([]);
      expect(disk.list, `step ${at}`).toMatchObject([{ name: 'twice', status: 'active' }]);
      const log = await own.log.read(prefixOf(own.controllerDid));
      expect(replay(log?.stream as Uint8Array, { engine }).state?.sequence, `step ${at}`).toBe(2);
    }
  });
});

describe('a device that dies while it takes the answer', () => {
  it.each(['log', 'records', 'host', 'adopt'])('after its %s is finished by the same file', async (last) => {
    const own = createJoinerHome(random);
    const wish = { controllerDid: host.controllerDid, name: `dies ${last}`, capabilities: ['sign_commit'] };
    const { file } = await requestDevice({ clock, random, engine, home: own }, wish);
    const accepted = await acceptRequest({ clock, random, engine, host }, file, {}, () => Promise.resolve());
    /** Does the step, then dies if it was the last one. */
    const step =
      <A extends readonly unknown[]>(name: string, run: (...args: A) => Promise<void>) =>
      async (...args: A): Promise<void> => {
        if (last === 'log' && name === 'records') throw new Error('dead');
        await run(...args);
        if (last === name) throw new Error('dead');
      };
    const dying = {
      ...own,
      keepHost: step('host', (...to: Parameters<TestJoinerHome['keepHost']>) => own.keepHost(...to)),
      adopt: step('adopt', (...to: Parameters<TestJoinerHome['adopt']>) => own.adopt(...to)),
      records: {
        list: (did: Parameters<TestJoinerHome['records']['list']>[0]) => own.records.list(did),
        put: step('records', (...to: Parameters<TestJoinerHome['records']['put']>) => own.records.put(...to)),
      },
    };
    await expect(takeAnswer({ clock, random, engine, home: dying }, file, accepted.answer)).rejects.toThrow(
      'dead',
    );
    const ports = { clock, random, engine, home: own };
    await takeAnswer(ports, file, accepted.answer);
    expect(await readStanding(ports)).toMatchObject({ role: 'device', state: 'active' });
  });
});

describe('a device that counts for nothing', () => {
  it('and knows it asks again, with the key that it has', async () => {
    const own = await createAuthority(clock, createFakeRandom(8));
    const joiner = createJoinerHome(random);
    const wish = { controllerDid: own.controllerDid, name: 'late', capabilities: ['sign_commit'] };
    const ports = { clock, random, engine, home: joiner };
    const accept = async (file: Uint8Array): Promise<void> => {
      const { answer: given } = await acceptRequest({ clock, random, engine, host: own }, file, {}, () =>
        Promise.resolve(),
      );
      await takeAnswer(ports, file, given);
    };
    const first = await requestDevice(ports, wish);
    await accept(first.file);
    const device = (await ownDevices({ ...own, engine }, own.controllerDid)).devices.at(-1) as DeviceState;
    const stray = { ...device, linkDigest: digestOf({ ...device.link, name: 'another' }) };
    await sealRecords({ ...own, engine }, own.controllerDid, [
      buildExtension({ device: stray, issuedAt: clock.now(), name: 'stray' }),
    ]);
    const prefix = prefixOf(own.controllerDid);
    const { stream } = (await own.log.read(prefix)) as StoredLog;
    const [newest] = replay(stream, { engine }).events.slice(-1).map(storedEventOf);
    await joiner.records.put(own.controllerDid, await own.records.list(own.controllerDid));
    await joiner.log.append(prefix, (await joiner.log.read(prefix))?.version ?? null, [
      newest as StoredEvent,
    ]);
    expect(await readStanding(ports)).toMatchObject({ state: 'none' });
    const second = await requestDevice(ports, wish);
    expect(second.deviceDid).toBe(first.deviceDid);
    await accept(second.file);
    expect(await readStanding(ports)).toMatchObject({ state: 'active' });
  });
});

describe('an answer', () => {
  it('no byte of it can change', async () => {
    await assert(
      asyncProperty(nat(), integer({ min: 1, max: 255 }), async (at, mask) => {
        const changed = flipped(answer, at % answer.length, mask);
        const code = await codeOf((async () => parseAnswer(changed, engine))());
        expect(['input/malformed', 'storage/version']).toContain(code);
      }),
      { numRuns: 400 },
    );
  });

  it('is taken by the device that asked, once or twice, and by nobody else', async () => {
    const stranger = createJoinerHome(random);
    expect(await codeOf(takeAnswer({ clock, random, engine, home: stranger }, request, answer))).not.toBe(
      'done',
    );
    expect(await stranger.identity()).toBeNull();
    const link = await takeAnswer({ clock, random, engine, home }, request, answer);
    expect(await takeAnswer({ clock, random, engine, home }, request, answer)).toEqual(link);
    // Both ends made the same token for the channel to come.
    expect(home.hosts.get(host.controllerDid)).toMatchObject({
      device_id: host.devices.entries.at(0)?.device_id,
    });
    expect(
      await codeOf(
        requestDevice(
          { clock, random, engine, home },
          { controllerDid: host.controllerDid, name: 'x', capabilities: [] },
        ),
      ),
    ).toBe('pairing/already-used');
  });
});

/** Journal and list of one home, for several commands; each calls `between` before it reads or writes one of them, unless it holds the lock of the list. */
function createDisk(): {
  readonly journal: Map<string, JsonValue>;
  readonly list: readonly PairedDevice[];
  readonly open: (between: () => Promise<void>) => PairedDevices;
} {
  const journal = new Map<string, JsonValue>();
  const disk = { journal, list: [] as readonly PairedDevice[] };
  const open = (between: () => Promise<void>): PairedDevices => {
    let isHeld = false;
    const step = async (): Promise<void> => {
      if (!isHeld) await between();
    };
    return pairedDevicesOver(
      {
        write: (name, value) => step().then(() => void journal.set(name, value)),
        read: async (name, parse) => {
          await step();
          const value = journal.get(name);
          return value === undefined ? null : parse(value);
        },
        list: () => step().then(() => [...journal.keys()]),
        remove: (name) => step().then(() => journal.delete(name)),
      },
      {
        read: () => step().then(() => disk.list),
        change: async (edit) => {
          await step();
          isHeld = true;
          try {
            disk.list = await edit(disk.list);
          } finally {
            isHeld = false;
          }
        },
      },
    );
  };
  return Object.assign(disk, { open });
}

function flipped(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = (changed[at] as number) ^ mask;
  return changed;
}
