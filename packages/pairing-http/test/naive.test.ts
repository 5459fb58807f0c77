/** Each attack that works on pairing as one would first write it, and the same attack on ours, side by side. */
import { createHash } from 'node:crypto';
import { parseRecord } from '@auths/core/attestation/attestation';
import { pureVerifyEngine, signEd25519, verifyEd25519 } from '@auths/core/crypto/ed25519';
import { x25519, x25519PublicKey } from '@auths/core/crypto/x25519';
import { utf8 } from '@auths/core/encoding/text';
import { decodeDidKey } from '@auths/core/encoding/did-key';
import { createDeferred, createFakeClock, drive } from '@auths/testing/fake-clock';
import {
  createNaiveRelay,
  NAIVE_ALPHABET,
  naiveDevice,
  naiveDigits,
  naiveHash,
  naiveHost,
  naiveResponse,
  naiveSigned,
} from '@auths/testing/naive-pairing';
import { realRandom } from '@auths/testing/real-world';
import { createJoinerHome } from '@auths/testing/two-device-world';
import { describe, expect, it } from 'vitest';
import { changedToken, flipped, inBetween } from './middle.ts';
import {
  createWorld,
  directOf,
  failure,
  forcing,
  grants,
  NOTHING,
  startHost,
  startJoin,
  type World,
} from './world.ts';

const random = realRandom;
const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const onAir = (world: World): { readonly text: () => string } => {
  const said: unknown[] = [];
  for (const side of ['hostTransport', 'joinerTransport'] as const) {
    const inner = world[side];
    world[side] = {
      send: async (request, signal) => {
        const response = await inner.send(request, signal);
        said.push(request, response);
        return response;
      },
    };
  }
  return { text: () => JSON.stringify(said) };
};

/** Every text of `letters` letters, until one is it. */
function search(letters: number, isIt: (guess: string) => boolean): string | null {
  const total = NAIVE_ALPHABET.length ** letters;
  for (let n = 0; n < total; n++) {
    let guess = '';
    for (let rest = n, i = 0; i < letters; i++, rest = Math.floor(rest / 31))
      guess += NAIVE_ALPHABET.charAt(rest % 31);
    if (isIt(guess)) return guess;
  }
  return null;
}

describe('what works on the naive protocol does not on ours', () => {
  it('a stranger who has seen the code answers first', async () => {
    const relay = createNaiveRelay();
    const naive = naiveHost(relay, random);
    const thief = naiveDevice(random);
    const offer = relay.offers.get(naive.code) as (typeof naive)['offer'];
    expect(naive.accept(naiveResponse(thief, naive.code, offer))).toBe(thief.did);

    // Ours: he gets as far as the comparison, and the true joiner, who is too late, shows nothing like it.
    const world = await createWorld();
    const late: string[] = [];
    const host = startHost(
      world,
      {},
      {
        async ask({ sas }) {
          const honest = startJoin(world, code, { home: createJoinerHome(random) });
          late.push(await failure(honest.done));
          return honest.sas.some((shown) => shown.sas === sas);
        },
      },
    );
    const code = (await host.offer).code ?? '';
    const stranger = startJoin(world, code);
    expect(await failure(host.done)).toBe('pairing/declined');
    expect(await failure(stranger.done)).toBe('pairing/declined');
    expect(late).toEqual(['pairing/not-found']);
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('the relay puts its own signing key into the honest answer', async () => {
    const naive = naiveHost(createNaiveRelay(), random);
    const honest = naiveResponse(naiveDevice(random), naive.code, naive.offer);
    const evil = naiveDevice(random);
    const signature = naiveResponse({ ...evil, secret: new Uint8Array(32).fill(9) }, naive.code, naive.offer);
    // It needs no secret of the device: its key stays where it was.
    const forged = {
      ...honest,
      signingKey: signature.signingKey,
      deviceDid: evil.did,
      signature: signEd25519(
        evil.seed,
        naiveSigned(naive.code, naive.offer.hostPublicKey, honest.devicePublicKey),
      ),
    };
    expect(naive.accept(forged)).toBe(evil.did);

    const world = await createWorld();
    const host = startHost(world);
    const code = (await host.offer).code ?? '';
    world.joinerTransport = inBetween(world.joinerTransport, {
      request: (request) =>
        request.path.endsWith('/response')
          ? { ...request, body: { ...(request.body as object), sealed: b64(random.bytes(1_040)) } }
          : request,
    });
    const join = startJoin(world, code);
    expect([await failure(host.done), await failure(join.done)]).toEqual([
      'pairing/channel-tampered',
      'pairing/cancelled',
    ]);
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('somebody on the path changes nothing but the name of the device', async () => {
    const naive = naiveHost(createNaiveRelay(), random);
    const evil = naiveDevice(random);
    const honest = naiveResponse(naiveDevice(random), naive.code, naive.offer);
    expect(naive.accept({ ...honest, deviceDid: evil.did })).toBe(evil.did);

    // Ours: the name is sealed, so that nobody on the path can even find it; any change of the sealed is seen.
    const world = await createWorld();
    const air = onAir(world);
    const host = startHost(world);
    const code = (await host.offer).code ?? '';
    const inner = world.joinerTransport;
    world.joinerTransport = inBetween(inner, {
      request: (request) => {
        const body = request.body as Record<string, unknown> | undefined;
        return body?.['sealed'] === undefined
          ? request
          : { ...request, body: { ...body, sealed: flipped(body['sealed']) } };
      },
    });
    const join = startJoin(world, code);
    expect(await failure(host.done)).toBe('pairing/channel-tampered');
    expect(await failure(join.done)).toBe('pairing/cancelled');
    expect(air.text()).not.toContain('did:key');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('the relay shows the joiner a host key of its own', async () => {
    const naive = naiveHost(createNaiveRelay(), random);
    const middle = random.bytes(32);
    const victim = naiveDevice(random);
    const shown = { hostPublicKey: x25519PublicKey(middle) };
    const answered = naiveResponse(victim, naive.code, shown);
    const evil = naiveDevice(random);
    const forwarded = naiveResponse({ ...evil, secret: middle }, naive.code, naive.offer);
    expect(naive.accept(forwarded)).toBe(evil.did);
    // Both are content, and the relay holds what each believes to share with the other.
    expect(x25519(victim.secret, shown.hostPublicKey)).toEqual(x25519(middle, answered.devicePublicKey));
    expect(naive.shared(forwarded)).toEqual(x25519(middle, naive.offer.hostPublicKey));

    const world = await createWorld({ clock: createFakeClock() });
    const clock = world.clock as ReturnType<typeof createFakeClock>;
    const host = startHost(world);
    const code = (await host.offer).code ?? '';
    world.joinerTransport = inBetween(world.joinerTransport, {
      response: changedToken({ ephemeral_pubkey: b64(x25519PublicKey(middle)) }),
    });
    expect(await drive(clock, failure(startJoin(world, code).done))).toBe('pairing/pake-failed');
    expect(await drive(clock, failure(host.done))).toBe('pairing/session-expired');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('a spoofer on the LAN says that he is the host of what he heard on the air', async () => {
    // What is heard is the whole code; with it he is the middle of the case before.
    const relay = createNaiveRelay();
    const naive = naiveHost(relay, random);
    const heard = [...relay.offers.keys()][0] as string;
    expect(heard).toBe(naive.code);
    const secret = random.bytes(32);
    const victim = naiveResponse(naiveDevice(random), heard, { hostPublicKey: x25519PublicKey(secret) });
    expect(
      naive.accept(naiveResponse({ ...naiveDevice(random), secret }, heard, naive.offer)),
    ).not.toBeNull();
    expect(victim.signature.length).toBe(64);

    // Ours: the air carries two letters. He answers for them with a session of his own.
    const world = await createWorld();
    const spoofer = await createWorld();
    const host = startHost(world);
    const code = (await host.offer).code ?? '';
    const air = code.slice(0, 2);
    const wrong = `${air}${code.slice(2).replace(/[0-9A-Z]/g, (letter) => (letter === '2' ? '3' : '2'))}`;
    const spoofing = startHost(
      { ...spoofer, random: forcing(wrong) },
      { mode: 'registry', qr: false },
      { ask: async () => true },
    );
    expect((await spoofing.offer).code).toBe(wrong);
    const victimOfOurs = startJoin(spoofer, code);
    expect(await failure(victimOfOurs.done)).toBe('pairing/pake-failed');
    expect(victimOfOurs.sas).toEqual([]);
    expect([await grants(spoofer), await grants(world)]).toEqual([NOTHING, NOTHING]);
  });

  it('a guesser asks a public relay for one code after another', async () => {
    const relay = createNaiveRelay();
    const naive = naiveHost(relay, random, { letters: 3 });
    const found = search(3, (guess) => relay.offers.has(guess)) as string;
    expect(found).toBe(naive.code);
    const thief = naiveDevice(random);
    expect(naive.accept(naiveResponse(thief, found, naive.offer))).toBe(thief.did);

    // Ours: finding the session is no secret, and each guess at the rest is one of three.
    const world = await createWorld({ clock: createFakeClock() });
    const clock = world.clock as ReturnType<typeof createFakeClock>;
    const host = startHost(world, { qr: false });
    const code = (await host.offer).code ?? '';
    const guesses = ['222', '333', '444', '555']
      .map((rest) => code.slice(0, 4) + rest)
      .filter((guess) => guess !== code)
      .slice(0, 4);
    const codes: string[] = [];
    for (const guess of guesses)
      codes.push(
        await drive(
          clock,
          failure(
            startJoin({ ...world, joinerTransport: directOf(world) }, guess, {
              home: createJoinerHome(random),
            }).done,
          ),
        ),
      );
    expect(codes.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => 'pairing/pake-failed'));
    expect(codes.slice(3).every((one) => /attempts-exhausted|not-found/.test(one))).toBe(true);
    expect(await drive(clock, failure(host.done))).toBe('pairing/attempts-exhausted');
    expect(await grants(world)).toEqual(NOTHING);
  });

  it('an old answer in a new session: the one thing that the naive signature stops', async () => {
    const relay = createNaiveRelay();
    const naive = naiveHost(relay, random);
    const old = naiveResponse(naiveDevice(random), naive.code, naive.offer);
    expect(naive.accept(old)).not.toBeNull();
    expect(naiveHost(relay, random).accept(old)).toBeNull();

    const world = await createWorld({ clock: createFakeClock() });
    const clock = world.clock as ReturnType<typeof createFakeClock>;
    const first = startHost(world, { qr: false });
    const watched = inBetween(world.joinerTransport);
    world.joinerTransport = watched;
    startJoin(world, (await first.offer).code ?? '');
    await drive(clock, first.done);
    const posted = watched.seen.find(({ path }) => path.endsWith('/response'));
    const before = await grants(world);
    const second = startHost(world, { qr: false });
    const code = (await second.offer).code ?? '';
    const shown = await directOf(world).send({
      method: 'GET',
      path: `/v1/pairing/sessions/by-code/${code.slice(0, 2)}`,
    });
    const { session_id: id } = shown.body as { session_id: string };
    const replayed = await directOf(world).send({
      ...posted,
      method: 'POST',
      path: `/v1/pairing/sessions/${id}/response`,
    });
    expect(replayed.status).toBeLessThan(300);
    expect(await drive(clock, failure(second.done))).toBe('pairing/session-expired');
    expect(second.events).toContainEqual({
      attempt: { kind: 'short6', result: 'pake-failed', attemptsLeft: 2 },
    });
    expect(await grants(world)).toEqual(before);
  });

  it('repaired by a hash of the code: the relay turns it back', async () => {
    const relay = createNaiveRelay();
    const naive = naiveHost(relay, random, { letters: 3, nameOf: naiveHash });
    const [told] = [...relay.offers.keys()];
    expect(search(3, (guess) => naiveHash(guess) === told)).toBe(naive.code);

    // Ours: of the secret letters nothing is there, in no form that one could try guesses against.
    const world = await createWorld();
    const air = onAir(world);
    const host = startHost(world);
    const code = (await host.offer).code ?? '';
    await startJoin(world, code).done;
    await host.done;
    const text = air.text();
    for (const spelling of [code, code.replace('-', ''), code.replace('-', '').slice(2)]) {
      expect(text).not.toContain(`"${spelling}"`);
      for (const hash of ['sha1', 'sha256', 'sha512'])
        for (const form of ['hex', 'base64', 'base64url'] as const)
          expect(text).not.toContain(createHash(hash).update(spelling).digest(form).replace(/=+$/, ''));
    }
  });

  it('repaired by a PAKE with the signature still in the clear: the signature tells right guesses from wrong ones', async () => {
    const naive = naiveHost(createNaiveRelay(), random, { letters: 3 });
    const { signature, signingKey, devicePublicKey } = naiveResponse(
      naiveDevice(random),
      naive.code,
      naive.offer,
    );
    // Two letters are public in this repair; one is left to try here, four in life: minutes on one core.
    const tried = search(1, (last) =>
      verifyEd25519(
        pureVerifyEngine,
        signingKey,
        naiveSigned(naive.code.slice(0, 2) + last, naive.offer.hostPublicKey, devicePublicKey),
        signature,
      ),
    );
    expect(naive.code.slice(0, 2) + tried).toBe(naive.code);

    // Ours: with the right code, both public keys and the device's own key at hand, no text on the air is that signature.
    const world = await createWorld();
    const air = onAir(world);
    const host = startHost(world);
    const code = (await host.offer).code ?? '';
    await startJoin(world, code).done;
    await host.done;
    const link = (await world.host.records.list(world.host.controllerDid))
      .map(({ bytes }) => parseRecord(bytes))
      .find((record) => record.type === 'link' && record.name !== 'laptop');
    const signer = decodeDidKey((link as { subject: string }).subject);
    const texts = [...new Set(air.text().match(/[\w-]{43,}/g))];
    const keys = texts
      .filter((one) => one.length === 43)
      .map((one) => new Uint8Array(Buffer.from(one, 'base64url')));
    const signatures = texts.flatMap((one) => {
      const bytes = new Uint8Array(Buffer.from(one, 'base64url'));
      return bytes.length < 64 ? [] : [bytes.subarray(0, 64), bytes.subarray(bytes.length - 64)];
    });
    expect(keys.length).toBeGreaterThan(3);
    for (const spelling of [code, code.replace('-', '')])
      for (const a of keys)
        for (const b of keys)
          for (const one of signatures)
            expect(verifyEd25519(pureVerifyEngine, signer, Buffer.concat([utf8(spelling), a, b]), one)).toBe(
              false,
            );
  });

  it('repaired by digits to compare: the relay searches a key until they agree', async () => {
    const naive = naiveHost(createNaiveRelay(), random);
    const victim = naiveResponse(naiveDevice(random), naive.code, naive.offer);
    const middle = x25519PublicKey(random.bytes(32));
    // What the joiner will show is settled; toward the host he may try keys for as long as he likes: 3 digits here, 7 in life.
    const shown = naiveDigits(middle, victim.devicePublicKey, 3);
    let found: Uint8Array | null = null;
    for (let tries = 0; found === null && tries < 20_000; tries++) {
      const key = random.bytes(32);
      if (naiveDigits(naive.offer.hostPublicKey, key, 3) === shown) found = key;
    }
    expect(naiveDigits(naive.offer.hostPublicKey, found as Uint8Array, 3)).toBe(shown);

    // Ours: whoever is in the middle with the very code is committed before he sees what the other end drew.
    const world = await createWorld();
    const evil = await createWorld();
    const seen = createDeferred<string>();
    const screens: string[] = [];
    const host = startHost(
      world,
      { mode: 'registry', qr: false },
      {
        ask: async ({ sas }) => {
          screens.push(sas, await seen.promise);
          return screens[1] as string;
        },
      },
    );
    const code = (await host.offer).code ?? '';
    const evilHost = startHost(
      { ...evil, random: forcing(code) },
      { mode: 'registry', qr: false },
      { ask: () => new Promise(() => {}) },
    );
    expect((await evilHost.offer).code).toBe(code);
    startJoin(evil, code, {}, { onSas: ({ sas }) => seen.resolve(sas) });
    const evilJoin = startJoin(world, code, { home: createJoinerHome(random) });
    expect(await failure(host.done)).toBe('pairing/sas-mismatch');
    expect(await failure(evilJoin.done)).toBe('pairing/sas-mismatch');
    expect(screens[0]).not.toBe(screens[1]);
    expect([await grants(world), await grants(evil)]).toEqual([NOTHING, NOTHING]);
  });
});
