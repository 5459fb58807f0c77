/**
 * The AttestationStore port on git refs (storage-and-verification.md 1).
 * - Travelling form, the evidence: `refs/did/keri/<prefix>/devices/<device did, ":" as "_">`, and
 *   `refs/did/keri/<prefix>/anchors` for records without a subject; the tip's tree holds every version as
 *   `<digest>-<sealing s, 8 hex>.json`.
 * - Home form, for the home's own identity alone: `refs/auths/devices/nodes/<did>/signatures` (and
 *   `refs/auths/anchors`), `attestation.json` = newest version, one commit per version. A record that no event
 *   seals yet stands only there: what is not sealed counts for nobody, so it does not travel.
 */
import { AuthsError } from '@auths/core/errors';
import type { DidKeri, DidKey } from '@auths/core/identifiers';
import type { AttestationStore, StoredRecord } from '@auths/core/ports';
import type { Home } from './home-repository.ts';
import { readIdentityDocument } from './identity-document.ts';
import type { NewObject } from './objects.ts';
import { addVersions, readUnsealed } from './record-versions.ts';
import type { RefChange } from './refs.ts';
import { addSealed, listSealed } from './sealed-records.ts';

const ATTEMPTS = 20;

/** Records in `home`. `homeForm: false` is for stores of other people's identities (a registry): there unsealed records are refused. */
export function gitAttestationStore(
  home: Home,
  options: { readonly homeForm?: boolean } = {},
): AttestationStore {
  /** Until the identity document is written (init, join) everything that is put belongs to the identity in the making. */
  async function isOwn(issuer: DidKeri): Promise<boolean> {
    if (options.homeForm === false) return false;
    const document = await readIdentityDocument(home);
    return document === null || document.controller_did === issuer;
  }

  return {
    async list(issuer) {
      const records = await listSealed(home, issuer);
      if (!(await isOwn(issuer))) return records;
      const known = new Set(records.map(({ digest }) => digest));
      return [...records, ...(await readUnsealed(home, issuer, known))];
    },

    async put(issuer, records) {
      const own = await isOwn(issuer);
      if (!own && records.some(({ sealedAt }) => sealedAt === null)) {
        throw new AuthsError('internal/bug', `a record of ${issuer} that nothing seals does not belong here`);
      }
      const groups = groupBySubject(records);
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const objects: NewObject[] = [];
        const changes: RefChange[] = [];
        for (const [subject, group] of groups) {
          const travelling = await addSealed(home, issuer, subject, group);
          if (travelling.change !== null) changes.push(travelling.change);
          objects.push(...travelling.objects);
          if (!own) continue;
          const version = await addVersions(home, subject, group, travelling.sealings);
          if (version.change !== null) changes.push(version.change);
          objects.push(...version.objects);
        }
        if (changes.length === 0) return;
        await home.writeObjects(objects);
        if (await home.updateRefs(changes)) return;
      }
      throw new AuthsError('storage/locked', 'other programs kept changing the attestations', {
        hint: 'try again',
        details: { path: home.dir },
      });
    },
  };
}

function groupBySubject(records: readonly StoredRecord[]): Map<DidKey | null, StoredRecord[]> {
  const groups = new Map<DidKey | null, StoredRecord[]>();
  for (const record of records) {
    const group = groups.get(record.subject) ?? [];
    group.push(record);
    groups.set(record.subject, group);
  }
  return groups;
}
