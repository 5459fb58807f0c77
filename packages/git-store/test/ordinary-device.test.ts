/** What a device without `manage_policy` writes into a work tree: nothing that its commit would be denied for. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '@auths/core/attestation/sign';
import { expect, it } from 'vitest';
import { PaperIdentity, paperKey } from '../../testing/src/paper-identity.ts';
import { checkWorkTree, initWorkTree, readWorkTreeRoots, updateWorkTree } from '../src/repo-evidence.ts';
import { TestRepository } from './verification/support.ts';

const may = (answer: boolean) => () => Promise.resolve(answer);

it('roots and outdated evidence are left to a device with manage_policy; what is new is added', async () => {
  const { dir } = new TestRepository();
  const identity = new PaperIdentity(1);
  const device = paperKey(9);
  let lastEstablishment = identity.tip.said;
  const link = identity.link(device);
  const lookup = () =>
    Promise.resolve({
      prefix: identity.prefix,
      stream: identity.stream,
      records: identity.records,
      lastEstablishment,
      saids: new Set(identity.events.map(({ said }) => said)),
    });
  const root = { did: identity.did, said: null, until: null };
  const init = (added: typeof root, answer: boolean) =>
    initWorkTree(dir, [added], lookup, { since: () => Promise.resolve(null), mayManage: may(answer) });
  await init(root, true);
  const before = readWorkTreeRoots(dir);

  identity.records.length = 0;
  lastEstablishment = identity.rotate([{ d: digestOf(link) }], 1).said;
  identity.keep(identity.sign(link, device), 1);
  const evidence = `evidence/${identity.prefix}`;
  const record = readdirSync(join(dir, '.auths', evidence)).find((name) => name.endsWith('.json'));
  const written = () => readFileSync(join(dir, '.auths', evidence, record as string));
  const stale = written();

  const ordinary = await updateWorkTree(dir, before, lookup, may(false));
  expect(ordinary).toMatchObject({
    withheld: [`${evidence}/${record}`, 'roots'],
    roots: before,
    differing: [],
  });
  expect(ordinary.changed).toEqual([expect.stringContaining(lastEstablishment)]);
  expect(ordinary.notes).toEqual([
    expect.stringContaining('manage_policy'),
    expect.stringContaining('manage_policy'),
  ]);
  expect(written()).toEqual(stale);
  const other = { ...root, did: new PaperIdentity(20).did };
  expect((await init(other, false)).roots).toEqual(before);
  expect(readWorkTreeRoots(dir)).toEqual(before);
  expect(await checkWorkTree(dir, lookup, may(false))).toMatchObject({
    changed: [],
    withheld: ordinary.withheld,
  });

  const owner = await updateWorkTree(dir, before, lookup, may(true));
  expect(owner).toMatchObject({ changed: [`${evidence}/${record}`, 'roots'], withheld: [] });
  expect(readWorkTreeRoots(dir)).toEqual([{ ...root, said: lastEstablishment }]);
  expect(written()).not.toEqual(stale);
});
