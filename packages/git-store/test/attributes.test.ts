/** What the `.gitattributes` in `.auths` does against one above it, by real git, and who renews an older one. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PaperIdentity } from '../../testing/src/paper-identity.ts';
import { checkWorkTree, updateWorkTree } from '../src/repo-evidence.ts';
import { addEvidence, GIT_ATTRIBUTES } from '../src/work-tree-evidence.ts';
import { TestRepository } from './verification/support.ts';

const unknown = () => Promise.resolve(null);

describe('.auths/.gitattributes', () => {
  it.each([
    '* text',
    '* text=auto eol=crlf',
    '* crlf=input',
    '* ident',
    '* filter=loud',
    '* working-tree-encoding=IBM037',
    '* working-tree-encoding=UTF-16',
    '[attr]all text ident filter=loud working-tree-encoding=IBM037\n.auths/** all\n.auths/evidence/** all',
  ])('keeps what lies there as it stands, below %s', (line) => {
    const repo = new TestRepository();
    repo.git('config', 'filter.loud.clean', 'tr a-z A-Z');
    repo.git('config', 'core.autocrlf', 'true');
    const text = 'one $Id: x$\r\ntwo\r\n';
    const files = ['.auths/roots', '.auths/policy.json', '.auths/evidence/E/00000000-E.cesr'];
    mkdirSync(join(repo.dir, '.auths', 'evidence', 'E'), { recursive: true });
    for (const path of ['outside', ...files]) repo.write(path, text);
    repo.write('.gitattributes', `${line}\n`);
    addEvidence(repo.dir, [GIT_ATTRIBUTES]);
    const keeps = (path: string): boolean =>
      repo.git('hash-object', path) === repo.git('hash-object', '--no-filters', path);
    expect(keeps('outside')).toBe(false);
    for (const path of [...files, '.auths/.gitattributes']) expect(keeps(path), path).toBe(true);
  });

  it('an older one is as it should be, and renewed by whoever may', async () => {
    const { dir } = new TestRepository();
    const path = join(dir, '.auths', '.gitattributes');
    const older = 'evidence/** -text\n';
    mkdirSync(join(dir, '.auths'));
    const { did } = new PaperIdentity(1);
    writeFileSync(join(dir, '.auths', 'roots'), `${did}\n`);
    const roots = [{ did, said: null, until: null }];
    const update = (may: boolean) => updateWorkTree(dir, roots, unknown, () => Promise.resolve(may));
    const check = (may = true) => checkWorkTree(dir, unknown, () => Promise.resolve(may));
    writeFileSync(path, older);
    const asItShould = { changed: [], differing: [], unchanged: ['.gitattributes'] };
    expect(await check()).toMatchObject(asItShould);
    expect(await update(false)).toMatchObject(asItShould);
    expect(readFileSync(path, 'utf8')).toBe(older);
    // Of those a checkout turns the line ends.
    writeFileSync(path, older.replace('\n', '\r\n'));
    expect(await check(false)).toMatchObject(asItShould);
    expect(await update(false)).toMatchObject(asItShould);
    expect(await update(true)).toMatchObject({ changed: ['.gitattributes'], differing: [] });
    expect(new Uint8Array(readFileSync(path))).toEqual(GIT_ATTRIBUTES.bytes);
    expect(await check()).toMatchObject(asItShould);
    expect(await update(false)).toMatchObject(asItShould);
    rmSync(path);
    expect(await check()).toMatchObject({ changed: ['.gitattributes'] });
    expect(await update(false)).toMatchObject({
      changed: [],
      withheld: ['.gitattributes'],
      notes: expect.arrayContaining([expect.stringContaining('manage_policy')]),
    });
    expect(await update(true)).toMatchObject({ changed: ['.gitattributes'] });
  });
});
