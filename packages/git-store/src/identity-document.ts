/**
 * `refs/auths/identity` → identity.json: a pointer to the home's identity, never evidence. It is written last
 * at init, so its presence alone means that the identity exists (storage-and-verification.md 1).
 */
import { AuthsError, hasCode } from '@auths/core/errors';
import { utf8 } from '@auths/core/encoding/text';
import { exactObject, parseJson } from '@auths/core/encoding/json';
import { isDidKeri, type DidKeri } from '@auths/core/identifiers';
import { corrupt } from './files.ts';
import { IDENTITY_REF } from './ref-files.ts';
import type { Home } from './home-repository.ts';
import { newCommit, newObject, newTree, parseCommit, parseTree } from './objects.ts';

export interface IdentityDocument {
  readonly version: 1;
  readonly controller_did: DidKeri;
  /** `controller`: this home holds the identity key. `device`: it was paired to it. */
  readonly role: 'controller' | 'device';
  /** RFC 3339 UTC to the second. */
  readonly created_at: string;
}

export { IDENTITY_REF };
const FILE = 'identity.json';

/** The document, null when this home has no identity. Anything but exactly a document is `storage/corrupt`. */
export async function readIdentityDocument(home: Home): Promise<IdentityDocument | null> {
  const tip = home.readRef(IDENTITY_REF);
  return tip === null ? null : readDocumentAt(home, tip);
}

/** The document that a commit holds. */
export async function readDocumentAt(home: Home, tip: string): Promise<IdentityDocument> {
  const commit = parseCommit(await home.object(tip, 'commit'));
  const entries = commit === null ? null : parseTree(await home.object(commit.tree, 'tree'));
  const entry = entries?.[0];
  if (entry?.name !== FILE || entries?.length !== 1)
    throw corrupt(IDENTITY_REF, `the tip does not hold ${FILE}`);
  return parseIdentityDocument(await home.object(entry.oid, 'blob'));
}

/**
 * Writes the document: `create` refuses a home that has another identity (`identity/exists`) and does nothing when
 * the same one is there; `replace: true` is for a recovery that moves the authority here.
 */
export async function writeIdentityDocument(
  home: Home,
  document: IdentityDocument,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  const blob = newObject('blob', utf8(`${JSON.stringify(document, null, 2)}\n`));
  parseIdentityDocument(blob.bytes);
  const tree = newTree([{ mode: '100644', name: FILE, oid: blob.oid }]);
  for (;;) {
    const from = home.readRef(IDENTITY_REF);
    if (from !== null && options.replace !== true) {
      const there = await readIdentityDocument(home);
      if (there?.controller_did === document.controller_did && there.role === document.role) return;
      throw new AuthsError(
        'identity/exists',
        `this home already belongs to ${there?.controller_did ?? 'an identity'}`,
        {
          hint: 'set AUTHS_HOME to another directory for another identity',
          details: { controller_did: there?.controller_did ?? '' },
        },
      );
    }
    const commit = newCommit({
      tree: tree.oid,
      parent: from,
      date: 0,
      message: `identity ${document.controller_did}`,
    });
    await home.writeObjects([blob, tree, commit]);
    if (await home.updateRefs([{ ref: IDENTITY_REF, from, to: commit.oid }])) return;
  }
}

/** Strict: exactly these members with these types, else `storage/corrupt`. */
export function parseIdentityDocument(bytes: Uint8Array): IdentityDocument {
  try {
    const { version, controller_did, role, created_at } = exactObject(parseJson(bytes), [
      'version',
      'controller_did',
      'role',
      'created_at',
    ]);
    if (typeof version === 'number' && version !== 1) {
      throw new AuthsError('storage/version', `identity.json has version ${version}`, {
        hint: 'use a newer auths',
        details: { path: IDENTITY_REF, version },
      });
    }
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
    if (
      version === 1 &&
      typeof controller_did === 'string' &&
      isDidKeri(controller_did) &&
      (role === 'controller' || role === 'device') &&
      typeof created_at === 'string' &&
      time.test(created_at)
    ) {
      return Object.freeze({ version, controller_did, role, created_at });
    }
  } catch (cause) {
    if (hasCode(cause, 'storage/version')) throw cause;
    throw corrupt(IDENTITY_REF, `${FILE} is not an identity document`, cause);
  }
  throw corrupt(IDENTITY_REF, `${FILE} is not an identity document`);
}
