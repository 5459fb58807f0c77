/** `<home>/device.pub`: the public half of this device's key, as git and ssh-keygen read it. */
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AuthsError } from '@auths/core/errors';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import type { DidKey } from '@auths/core/identifiers';
import { readSmallText } from '@auths/git-store/files';

/** string("ssh-ed25519") and the length of what follows. */
const HEAD = Buffer.from('0000000b7373682d6564323535313900000020', 'hex');

/** A key is a line of some eighty characters. */
const MAX_FILE = 65_536;

/** The 32 bytes and the DID; null when there is no such file. Anything but one Ed25519 key is `storage/corrupt`. */
export function readDeviceKey(home: string): { readonly publicKey: Uint8Array; readonly did: DidKey } | null {
  const path = join(home, 'device.pub');
  const text = readSmallText(path, MAX_FILE) ?? whyNot(path);
  if (text === null) return null;
  const [type, body = ''] = text.trim().split(/\s+/);
  const blob = Buffer.from(body, 'base64');
  if (type !== 'ssh-ed25519' || blob.length !== 51 || !blob.subarray(0, 19).equals(HEAD)) {
    throw new AuthsError('storage/corrupt', `${path} is not an Ed25519 public key`, {
      hint: 'auths doctor --fix writes it again',
      details: { path },
    });
  }
  const publicKey = new Uint8Array(blob.subarray(19));
  return { publicKey, did: encodeDidKey(publicKey) };
}

/** What stands where no small file was read: nothing (null), a file that cannot be read (throws why), or something else (no text). */
function whyNot(path: string): string | null {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return null;
  if (facts.isFile() && facts.size <= MAX_FILE) readFileSync(path);
  return '';
}
