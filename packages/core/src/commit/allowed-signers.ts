/**
 * `allowed_signers` for stock git and ssh-keygen: a projection of what the records say, never the
 * authority (storage-and-verification.md 7). It cannot say revoked-unordered: ssh-keygen compares with
 * the committer's own date.
 */
import { decodeDidKey } from '../encoding/did-key.ts';
import { formatTime, parseTime } from '../encoding/time.ts';
import { parseDidKeri } from '../identifiers.ts';
import type { DeviceState } from '../attestation/device-state.ts';
import { formatSshPublicKey } from './sshsig.ts';

/** Clocks of committer and authority may differ; a commit made right after pairing must not fail. */
const CLOCK_TOLERANCE_MS = 300_000;

/** Whether stock git should know a device: it may sign commits or tags, and what is known of it is whole. */
export function isGitSigner(device: DeviceState): boolean {
  const may = device.capabilities.includes('sign_commit') || device.capabilities.includes('sign_tag');
  return may && device.fault === null && device.missing.length === 0;
}

/**
 * One line a device, in the order given: principal = the controller's DID, namespace git only, valid from
 * 300 s before its link to its expiry or revocation, whichever is first. Devices that are no git signers
 * are left out.
 */
export function formatAllowedSigners(devices: readonly DeviceState[]): string {
  return devices
    .filter(isGitSigner)
    .map((device) => `${line(device)}\n`)
    .join('');
}

function line(device: DeviceState): string {
  // Parsed again: nothing but a well-formed DID may enter a file whose grammar has wildcards and lists.
  const principal = parseDidKeri(device.issuer);
  const from = parseTime(device.issuedAt) - CLOCK_TOLERANCE_MS;
  const ends = [device.expiresAt, device.revocation?.revokedAt ?? null].filter((end) => end !== null);
  const until = ends.length === 0 ? null : Math.min(...ends.map(parseTime));
  // An interval that ends before it starts is an error that makes ssh-keygen refuse the whole file.
  const before = until === null ? '' : `,valid-before="${sshTime(Math.max(until, from + 1000))}"`;
  const key = formatSshPublicKey(decodeDidKey(device.subject));
  return `${principal} namespaces="git",valid-after="${sshTime(from)}"${before} ${key}`;
}

/** YYYYMMDDHHMMSSZ. */
function sshTime(epochMs: number): string {
  return formatTime(epochMs).replace(/[-:T]/g, '');
}
