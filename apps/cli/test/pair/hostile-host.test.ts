/** A joiner process, and hosts that know the code, have an identity, and lie. */
import { fromUtf8 } from '@auths/core/encoding/text';
import { prefixOf } from '@auths/core/identifiers';
import type { UnsignedLink } from '@auths/core/attestation/attestation';
import {
  attestMessage,
  handOver,
  linkFor,
  openSession,
  untilReady,
  type LyingHost,
  type Stage as OnStage,
} from '@auths/testing/lying-host';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lyingHostAt } from './insider-ends.ts';
import { buildPrograms, removePrograms } from './programs.ts';
import { endOf, joinArgv, openStage, statusOf, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  buildPrograms();
  stage = await openStage({});
}, 120_000);
afterAll(async () => {
  await stage.end();
  removePrograms();
});

/** What the joiner ended with, what it showed, and what it said to the script's last message. */
async function against(script: (on: OnStage) => Promise<unknown>): Promise<{
  readonly end: string;
  readonly shown: unknown;
  readonly status: unknown;
  readonly heard: unknown;
}> {
  const host: LyingHost = await lyingHostAt(stage.registry.url);
  const session = await openSession(host);
  const device = stage.machine();
  const code = session.slots[0]?.code?.text ?? '';
  const joiner = device.start(...joinArgv(code, device.name), '--registry', stage.registry.url);
  const heard = untilReady(host, session).then(script);
  heard.catch(() => {});
  const end = await endOf(joiner);
  return {
    end,
    shown: joiner.events().find(({ event }) => event === 'sas')?.['capabilities'],
    status: await statusOf(device),
    heard: await heard.catch((error: unknown) => (error as { code?: unknown }).code ?? error),
  };
}

describe.concurrent('a host that lies to a joiner process', { timeout: 120_000 }, () => {
  it.each<readonly [string, Partial<UnsignedLink>]>([
    ['more capabilities than it showed', { capabilities: ['sign_commit', 'sign_release'] }],
    ['fewer', { capabilities: [] }],
    ['a name of its own', { name: 'somebody else' }],
  ])('F04 attests %s: attestation-invalid, and the device signs nothing', async (_what, change) => {
    const { end, shown, status, heard } = await against(async (on) => {
      await on.talk.send(on.ratchet.seal(await attestMessage(on, linkFor(on, change))));
      return on.talk.next(30_000);
    });
    expect(end).toBe('1 pairing/attestation-invalid');
    expect(shown).toEqual(['sign_commit']);
    expect(status).toBeNull();
    // The host hears why, and never a signature.
    expect(heard).toBe('pairing/attestation-invalid');
  });

  it('B20 says that all is sealed in a log in which it is not: nothing that works', async () => {
    const { end, status } = await against(async (on) => {
      await handOver(on, {}, {});
      on.ratchet.open(await on.talk.next(30_000));
      const { authority } = on.host;
      const log = await authority.log.read(prefixOf(authority.controllerDid));
      expect(fromUtf8(log?.stream ?? new Uint8Array())).not.toContain(on.device.did);
      await on.talk.send(on.ratchet.seal({ t: 'anchored', events: '', records: [], last: true }));
    });
    expect(end).toBe('1 pairing/host-identity-invalid');
    expect(status).not.toBe('active');
  });
});
