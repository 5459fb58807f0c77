import { prefixOf } from '@auths/core/identifiers';
import { replay } from '@auths/core/keri/key-state';
import { buildLink, signedBytes, withSignatures } from '@auths/core/attestation/sign';
import { sealRecords } from '@auths/core/flows/seal-records';
import { ownDevices } from '@auths/core/flows/own-devices';
import { revokeDevice } from '@auths/core/flows/revoke-device';
import { LAN_LIMITS } from '@auths/core/pairing/limits';
import { createFetchTransport } from '@auths/pairing-http/fetch-transport';
import { createDirectTransport } from '@auths/pairing-http/direct-transport';
import { createMemoryLimiter } from '@auths/pairing-http/memory-limiter';
import { createMemorySessions } from '@auths/pairing-http/memory-sessions';
import { createPairingServer } from '@auths/pairing-http/node-http';
import { waitUntilFetched } from '@auths/pairing-http/linger';
import { beforeNextAppend } from '@auths/testing/memory-stores';
import { realClock, realRandom } from '@auths/testing/real-world';
import {
  createJoinerHome,
  createTestSigner,
  engine,
  type TestAuthority,
} from '@auths/testing/two-device-world';
import { describe, expect, it } from 'vitest';
import { inBetween } from './middle.ts';
import { listen } from './listen.ts';
import { createWorld, failure, grants, NOTHING, startHost, startJoin } from './world.ts';

describe('a pairing over the routes', () => {
  it('pairs by code; both sides agree on everything', async () => {
    const world = await createWorld();
    const host = startHost(world);
    const offer = await host.offer;
    const join = startJoin(world, offer.code ?? '');
    const [hosted, joined] = await Promise.all([host.done, join.done]);
    expect(joined.status).toBe('paired');
    expect(joined.controllerDid).toBe(world.host.controllerDid);
    expect(joined.attestation).toEqual(hosted.attestation);
    expect(host.events.at(-1)).toMatchObject({
      joined: { sas: join.sas[0]?.sas, confirm: 'yes', kind: 'short6' },
    });
    expect(await grants(world)).toEqual({
      seals: 2,
      links: expect.arrayContaining(['desktop']) as unknown,
      entries: ['desktop:active'],
      journals: 0,
      joinerHosts: 1,
    });
    // Everything was written before "ack": log, link, host, and what the home is last.
    expect(world.home.writes.slice(0, 4)).toEqual(['log', 'records', 'host', 'adopt']);
    const theirs = await world.home.log.read(prefixOf(world.host.controllerDid));
    const ours = await world.host.log.read(prefixOf(world.host.controllerDid));
    expect(theirs?.tip).toBe(ours?.tip);
    const records = await world.home.records.list(world.host.controllerDid);
    expect(new Set(records.map(({ digest }) => digest)).size).toBe(2);
    const known = world.home.hosts.get(world.host.controllerDid);
    expect(known?.device_id).toBe(world.host.devices.entries[0]?.device_id);
  });

  it.each(['pin8', 'code12'] as const)('pairs by %s', async (code) => {
    const world = await createWorld();
    const host = startHost(world, { code, qr: false, yes: true });
    const offer = await host.offer;
    expect(offer).toMatchObject({ kind: code, uri: null, link: null });
    const join = startJoin(world, (offer.code ?? '').toLowerCase().replaceAll('-', ' '));
    await Promise.all([host.done, join.done]);
    expect(host.events.at(-1)).toMatchObject({ joined: { confirm: 'none' } });
  });

  it('pairs by QR without asking anybody, although the joiner could ask', async () => {
    const world = await createWorld();
    const asked: string[] = [];
    const host = startHost(world, { canAsk: false }, { ask: async () => (asked.push('host'), null) });
    const offer = await host.offer;
    const join = startJoin(
      world,
      offer.uri ?? '',
      { ask: true },
      { confirm: async () => (asked.push('joiner'), false) },
    );
    await Promise.all([host.done, join.done]);
    expect(asked).toEqual([]);
    expect(host.events.at(-1)).toMatchObject({ joined: { kind: 'qr', confirm: 'none' } });
  });

  it('pairs by link after the SAS was typed, on the third try of a terminal', async () => {
    const world = await createWorld();
    const answers = ['0000-0000', 'nonsense'];
    const tries: number[] = [];
    const host = startHost(
      world,
      { code: null, qr: false, link: true, yes: true, sasTries: 3 },
      {
        ask: async ({ confirm, sas, tryNumber }) => {
          expect(confirm).toBe('type');
          tries.push(tryNumber);
          return answers.shift() ?? sas.toLowerCase();
        },
      },
    );
    const join = startJoin(world, (await host.offer).link ?? '');
    await Promise.all([host.done, join.done]);
    expect(tries).toEqual([1, 2, 3]);
  });

  it('grants exactly the announced capabilities, and an end', async () => {
    const world = await createWorld();
    const host = startHost(world, {
      capabilities: ['sign_tag', 'sign_commit', 'sign_tag'],
      deviceExpiresInMs: 90 * 86_400_000,
    });
    const join = startJoin(world, (await host.offer).code ?? '');
    const { attestation } = await join.done;
    expect(attestation.capabilities).toEqual(['sign_commit', 'sign_tag']);
    expect(Date.parse(attestation.expires_at ?? '') - Date.parse(attestation.timestamp)).toBe(
      90 * 86_400_000,
    );
  });

  it('F07 pairs two devices of one name into two entries', async () => {
    const world = await createWorld();
    for (const home of [createJoinerHome(realRandom), createJoinerHome(realRandom)]) {
      const host = startHost(world);
      const join = startJoin(world, (await host.offer).code ?? '', { home });
      await Promise.all([host.done, join.done]);
    }
    const { entries } = world.host.devices;
    expect(entries.map(({ name, status }) => `${name}:${status}`)).toEqual([
      'desktop:active',
      'desktop:active',
    ]);
    expect(new Set(entries.map(({ device_id }) => device_id)).size).toBe(2);
  });

  it('hands over a log and records that need many messages', async () => {
    const world = await createWorld();
    await growLog(world.host, 40);
    const host = startHost(world);
    const join = startJoin(world, (await host.offer).code ?? '');
    await Promise.all([host.done, join.done]);
    const theirs = await world.home.log.read(prefixOf(world.host.controllerDid));
    const ours = await world.host.log.read(prefixOf(world.host.controllerDid));
    expect(theirs?.stream.length).toBeGreaterThan(8_192);
    expect(theirs?.tip).toBe(ours?.tip);
    expect((await world.home.records.list(world.host.controllerDid)).length).toBeGreaterThanOrEqual(42);
  });

  it('appends again when another program was faster', async () => {
    const world = await createWorld();
    let rivals = 0;
    world.host.log.beforeAppend = async () => {
      if (rivals++ > 0) return;
      const { identity, log, records } = world.host;
      const rival = await linkOf(world.host, 'rival');
      await sealRecords({ identity, log, records, engine }, world.host.controllerDid, [rival]);
    };
    const host = startHost(world);
    const join = startJoin(world, (await host.offer).code ?? '');
    await Promise.all([host.done, join.done]);
    expect((await grants(world)).seals).toBe(3);
    const records = await world.home.records.list(world.host.controllerDid);
    expect(new Set(records.map(({ digest }) => digest)).size).toBe(3);
  });

  it('is sealed by the key of a rotation that came between its signature and its seal', async () => {
    const world = await createWorld();
    beforeNextAppend(world.host.log, world.host.rotate);
    const host = startHost(world);
    const join = startJoin(world, (await host.offer).code ?? '');
    const [hosted, joined] = await Promise.all([host.done, join.done]);
    expect(joined.status).toBe('paired');
    const did = world.host.controllerDid;
    const live = { name: 'desktop', revocation: null, fault: null, missing: [] };
    for (const side of [world.host, world.home]) {
      const { devices, missing } = await ownDevices({ ...side, engine }, did);
      expect([devices.at(-1), missing]).toMatchObject([live, []]);
    }
    expect(await grants(world)).toMatchObject({ seals: 2, entries: ['desktop:active'], journals: 0 });
    expect(hosted.attestation.rid).toBe(joined.attestation.rid);
  });

  it('says so when the home is paired already, and refuses the home of another', async () => {
    const world = await createWorld();
    const first = startHost(world);
    await startJoin(world, (await first.offer).code ?? '').done;
    await first.done;
    const second = startHost(world);
    const again = await startJoin(world, (await second.offer).code ?? '').done;
    expect(again.status).toBe('already');
    expect(await failure(second.done)).toBe('pairing/conflict');
    expect((await grants(world)).seals).toBe(2);

    const other = await createWorld();
    const third = startHost(other);
    const foreign = startJoin(other, (await third.offer).code ?? '', { home: world.home });
    expect(await failure(foreign.done)).toBe('pairing/conflict');
    expect(await failure(third.done)).toBe('pairing/conflict');
    expect(await grants(other)).toEqual(NOTHING);
  });

  it('joins again with a new key after a revocation', async () => {
    const world = await createWorld();
    const first = startHost(world);
    const before = await startJoin(world, (await first.offer).code ?? '').done;
    await first.done;
    const { identity, log, records, controllerDid } = world.host;
    await revokeDevice({ identity, log, records, engine, clock: world.clock }, controllerDid, {
      device: before.deviceDid,
      reason: 'lost',
    });
    // The joiner has heard of it, as `auths sync` would tell it.
    const ours = await log.read(prefixOf(controllerDid));
    if (ours === null) throw new Error('no log');
    await world.home.records.put(controllerDid, await records.list(controllerDid));
    const stored = await world.home.log.read(prefixOf(controllerDid));
    const newest = replay(ours.stream, { engine }).events.at(-1);
    if (newest === undefined) throw new Error('no event');
    await world.home.log.append(prefixOf(controllerDid), stored?.version ?? null, [
      {
        sequence: newest.sequence,
        said: newest.said,
        event: newest.bytes,
        attachments: Buffer.from(ours.stream.subarray(newest.offset + newest.size, newest.end)).toString(
          'latin1',
        ),
      },
    ]);
    const second = startHost(world);
    const after = await startJoin(world, (await second.offer).code ?? '').done;
    await second.done;
    expect(after.status).toBe('paired');
    expect(after.deviceDid).not.toBe(before.deviceDid);
  });

  it('never sends token, SAS, names, DIDs, signatures or the code in the clear', async () => {
    const world = await createWorld();
    const hostSide = inBetween(world.hostTransport);
    const joinerSide = inBetween(world.joinerTransport);
    world.hostTransport = hostSide;
    world.joinerTransport = joinerSide;
    const host = startHost(world);
    const offer = await host.offer;
    const join = startJoin(world, offer.code ?? '');
    const { attestation, deviceDid } = await join.done;
    await host.done;
    const wire = JSON.stringify([...hostSide.seen, ...joinerSide.seen]);
    const known = world.home.hosts.get(world.host.controllerDid);
    const code = (offer.code ?? '').replace('-', '');
    for (const secret of [
      code,
      offer.code ?? '',
      known?.token ?? '',
      deviceDid,
      world.host.controllerDid,
      'desktop',
      'sign_commit',
      join.sas[0]?.sas ?? '',
      attestation.device_signature,
      attestation.identity_signature,
      'did:',
      'attestation',
    ]) {
      expect(wire).not.toContain(secret);
    }
  });

  it('pairs over a real socket, and the LAN host knows when the last word was fetched', async () => {
    const clock = realClock;
    const limits = LAN_LIMITS;
    const relay = {
      store: createMemorySessions({ clock, limits }),
      limiter: createMemoryLimiter({ clock, limits }),
      limits,
      clock,
      mayCreate: 'local' as const,
    };
    const server = await listen(
      createPairingServer(relay, { allowHost: (host) => /^127\.0\.0\.1:\d+$/.test(host) }),
    );
    try {
      const world = await createWorld();
      world.hostTransport = createDirectTransport(relay);
      world.joinerTransport = createFetchTransport(server.origin);
      let fetched: boolean | null = null;
      const host = startHost(
        world,
        {},
        {
          linger: async (session, maxMs) => {
            fetched = await waitUntilFetched(relay.store, clock, session, maxMs);
          },
        },
      );
      const join = startJoin(world, (await host.offer).code ?? '');
      expect((await join.done).status).toBe('paired');
      await host.done;
      expect(fetched).toBe(true);
      const stranger = await fetch(`${server.origin}/v1/pairing/sessions`, { method: 'POST', body: '{}' });
      expect(stranger.status).toBe(403);
    } finally {
      await server.close();
    }
  });
});

async function linkOf(host: TestAuthority, name: string): Promise<ReturnType<typeof withSignatures>> {
  const device = createTestSigner(realRandom.bytes(32));
  const unsigned = buildLink({
    rid: realRandom.bytes(16),
    issuer: host.controllerDid,
    devicePublicKey: device.publicKey,
    capabilities: ['sign_commit'],
    name,
    issuedAt: Date.now(),
  });
  const message = signedBytes(unsigned);
  return withSignatures(unsigned, {
    identity: await host.identity.sign(message),
    device: await device.sign(message),
  });
}

async function growLog(host: TestAuthority, events: number): Promise<void> {
  const { identity, log, records } = host;
  for (let i = 0; i < events; i++) {
    await sealRecords({ identity, log, records, engine }, host.controllerDid, [
      await linkOf(host, `device ${i}`),
    ]);
  }
}
