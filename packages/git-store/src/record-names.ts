/** Names of records in git: refs of devices and anchors, files in a tip's tree (storage-and-verification.md 1). */
import { isDidKey, isSaid, prefixOf, type DidKeri, type DidKey, type Said } from '@auths/core/identifiers';
import { corrupt } from './files.ts';

/** The travelling ref of a device's records, or of the anchors (subject null). */
export function recordsRef(issuer: DidKeri, subject: DidKey | null): string {
  const base = `refs/did/keri/${prefixOf(issuer)}`;
  return subject === null ? `${base}/anchors` : `${base}/devices/${subject.replaceAll(':', '_')}`;
}

/** The home ref of a device's newest record, or of the newest anchor. */
export function homeRecordRef(subject: DidKey | null): string {
  return subject === null
    ? 'refs/auths/anchors'
    : `refs/auths/devices/nodes/${subject.replaceAll(':', '_')}/signatures`;
}

/** `<digest>-<sealing s, 8 hex>.json`. */
export function recordFileName(digest: Said, sealedAt: number): string {
  return `${digest}-${sealedAt.toString(16).padStart(8, '0')}.json`;
}

/** The parts of a record's file name, null when it is none. */
export function parseRecordFileName(
  name: string,
): { readonly digest: Said; readonly sealedAt: number } | null {
  const match = /^(.{44})-([0-9a-f]{8})\.json$/.exec(name);
  if (match === null || !isSaid(match[1] as string)) return null;
  return { digest: match[1] as Said, sealedAt: Number.parseInt(match[2] as string, 16) };
}

/** The device that a ref's last part names; anything else is `storage/corrupt`. */
export function subjectOf(name: string, ref: string): DidKey {
  const did = name.replaceAll('_', ':');
  if (!isDidKey(did)) throw corrupt(ref, 'the ref does not name a device');
  return did;
}
