/** A LAN host shows its offer before its keys are open and before the session can be answered. */
import { describe, expect, it } from 'vitest';
import { x25519PublicKey } from '@auths/core/crypto/x25519';
import { AuthsError } from '@auths/core/errors';
import { pairHost, type HostFace, type HostOffer } from '@auths/core/flows/pair-host';
import type { HostIdentity } from '@auths/core/flows/pairing-ports';
import type { SessionStore } from '@auths/core/pairing/relay';
import { createHostRelay } from '@auths/pairing-http/client';
import { createDirectTransport } from '@auths/pairing-http/direct-transport';
import { createDeferred } from '@auths/testing/fake-clock';
import { createWorld, ENDPOINT, failure, grants, NOTHING, scrypt, startJoin, type World } from './world.ts';
import { engine } from '@auths/testing/two-device-world';

interface EarlyHost {
  readonly done: Promise<unknown>;
  readonly offer: Promise<HostOffer>;
  /** Calls, in order. */
  readonly calls: readonly string[];
}

/** A host whose keys open when `keys` resolves; joiners wait at the door as on a LAN host. */
function startEarly(world: World, keys: Promise<HostIdentity>, face: HostFace): EarlyHost {
  const calls: string[] = [];
  const shown = createDeferred<HostOffer>();
  let opened: Promise<unknown> = Promise.resolve();
  const { store } = world.relay;
  const door: SessionStore = {
    ...store,
    read: (id) => opened.then(() => store.read(id)),
    findNameplate: (nameplate) => opened.then(() => store.findNameplate(nameplate)),
  };
  world.joinerTransport = createDirectTransport(
    { ...world.relay, store: door },
    { local: false, remoteAddress: '192.0.2.7' },
  );
  const relay = createHostRelay(world.hostTransport, ENDPOINT);
  const done = pairHost(
    {
      clock: world.clock,
      random: world.random,
      engine,
      scrypt,
      relay: { ...relay, create: (body, own) => (calls.push('create'), relay.create(body, own)) },
      host: () => (calls.push('open'), keys),
      face,
    },
    {
      mode: 'lan',
      code: 'short6',
      qr: true,
      link: false,
      ttlSeconds: 300,
      capabilities: ['sign_commit'],
      confirm: false,
      yes: false,
      canAsk: true,
      sasTries: 1,
    },
    {
      onOpening: (opening) => {
        calls.push('opening');
        opened = opening.catch(() => {});
      },
      onOffer: (offer) => {
        calls.push('offer');
        shown.resolve(offer);
      },
      onAttempt: () => {},
      onJoined: () => {},
      ask: async () => true,
    },
  );
  done.catch(() => {});
  return { done, offer: shown.promise, calls };
}

const faceOf = (world: World): HostFace => ({
  controllerDid: world.host.controllerDid,
  signingKey: world.host.identity.publicKey,
  hostStatic: x25519PublicKey(world.host.channelSecret),
});

describe('an offer that is shown before the keys are open', () => {
  it('holds a joiner until the session can be answered, and pairs once the keys are there', async () => {
    const world = await createWorld();
    const keys = createDeferred<HostIdentity>();
    const host = startEarly(world, keys.promise, faceOf(world));
    const offer = await host.offer;
    expect(host.calls.slice(0, 2)).toEqual(['opening', 'offer']);
    expect(host.calls).not.toContain('create');
    const joiner = startJoin(world, offer.uri ?? '');
    const first = await Promise.race([
      joiner.done.then(() => 'paired'),
      new Promise((resolve) => setTimeout(resolve, 300, 'waits')),
    ]);
    expect(first).toBe('waits');
    expect(host.calls).toEqual(['opening', 'offer', 'open', 'create']);
    expect(await grants(world)).toEqual(NOTHING);
    keys.resolve(world.host);
    await Promise.all([host.done, joiner.done]);
    expect((await grants(world)).entries).toEqual(['desktop:active']);
  });

  it('ends, and tells the joiner, when the keys do not open', async () => {
    const world = await createWorld();
    const wrong = createDeferred<null>();
    const keys = wrong.promise.then(() => {
      throw new AuthsError('key/wrong-passphrase', 'the passphrase does not open keys.enc');
    });
    const host = startEarly(world, keys, faceOf(world));
    const joiner = startJoin(world, (await host.offer).code ?? '');
    const told = failure(joiner.done);
    wrong.resolve(null);
    expect(await failure(host.done)).toBe('key/wrong-passphrase');
    expect(await told).toBe('pairing/cancelled');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it.each([
    ['signing key', { signingKey: new Uint8Array(32).fill(7) }],
    ['channel key', { hostStatic: new Uint8Array(32).fill(9) }],
  ])('grants nothing when the opened %s is another than it showed', async (_what, change) => {
    const world = await createWorld();
    const host = startEarly(world, Promise.resolve(world.host), { ...faceOf(world), ...change });
    const joiner = startJoin(world, (await host.offer).code ?? '');
    const told = failure(joiner.done);
    expect(await failure(host.done)).toBe('identity/not-authority');
    expect(['pairing/cancelled', 'pairing/protocol-violation']).toContain(await told);
    expect(await grants(world)).toEqual(NOTHING);
  });
});
