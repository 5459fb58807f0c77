/** One sentence on every error: what it means and what to do. A new code does not compile until it has one. */
import type { ErrorCode } from '@auths/core/errors';

export const explanations: Readonly<Record<ErrorCode, string>> = {
  'usage/invalid':
    'The command line does not say what to do: an unknown command, flag or value. The hint shows the nearest one.',
  'usage/missing-answer':
    'A question has no safe answer and nobody can be asked. Give the flag that the hint names.',
  'input/malformed': 'Something that was given does not have the form it must have. Nothing was changed.',
  'input/unreadable': 'A file that was named cannot be read. Check its path and permissions.',
  'identity/none':
    'This home has no identity. Run auths init, or auths pair --join CODE to add this device to one.',
  'identity/exists':
    'This home already belongs to an identity. Set AUTHS_HOME to another folder for another one.',
  'identity/not-authority': 'Only the home where the identity key lies may do this. Run it there.',
  'identity/copied-home':
    'This home is a copy of another one; two that write one log would fork it. auths doctor --fix, on the one that stays, settles which one goes on.',
  'key/not-found': 'The key store does not hold the key that is needed.',
  'key/exists': 'The key store holds another secret under this name and will not overwrite it.',
  'key/wrong-passphrase': 'The passphrase does not open the key store or the recovery kit.',
  'key/passphrase-required':
    'A passphrase is needed and there is no way to get one: AUTHS_PASSPHRASE, --passphrase-file FILE, or a terminal.',
  'key/weak':
    'A public key is one that accepts signatures nobody made (small order or torsion). It is refused.',
  'device/not-found': 'No device of this identity has that name or DID. See auths devices --all.',
  'device/ambiguous': 'Several devices have that name. Use the DID.',
  'device/revoked': 'The device was revoked; nothing that it signs counts. Pair it again with a new key.',
  'device/expired':
    'The attestation of the device has expired. On the authority: auths devices extend NAME --expires 90d.',
  'kel/invalid': 'A key event log does not replay: an event or signature in it is wrong.',
  'kel/conflict':
    'Two versions of one log conflict, or another program wrote at the same moment. auths pull REMOTE shows the other version and keeps yours.',
  'kel/duplicity':
    'Another validly signed event stands at the same place of this log: two homes write it, or a key was stolen. auths doctor and auths id repair or auths id rotate --reason compromised.',
  'witness/unmet':
    'Too few witnesses receipted the event. It waits, signed, and the next command that opens the identity key asks again; nobody else has seen it.',
  'witness/stranger': 'The event does not name this witness among its own.',
  'attestation/invalid': 'An attestation is not sound: its form, a signature, or what it grants.',
  'storage/corrupt': 'A stored file or ref is not what this program wrote. auths doctor says more.',
  'storage/locked':
    'Another process holds a lock, or one that died left it. auths doctor --fix removes the latter.',
  'storage/failed': 'The disk or its permissions did not allow what was needed.',
  'storage/version': 'The file was written by a newer version. Use a newer auths.',
  'keychain/unavailable':
    'The keychain of the operating system cannot be used here. AUTHS_KEYCHAIN=file uses an encrypted file.',
  'git/missing': 'git was not found, or is too old.',
  'git/failed': 'git ended with an error; its own words stand in the message.',
  'git/object-missing': 'The clone is partial or damaged: an object that the answer depends on is not here.',
  'git/not-a-repository': 'This folder is in no git repository.',
  'verify/no-roots': 'Nothing says whom to trust here: no .auths/roots, no pinned roots, no --root.',
  'verify/bad-target': 'The target names no object of this repository and no file.',
  'network/unreachable': 'The address does not answer.',
  'internal/bug': 'auths itself failed. Please report it with the command that was typed.',
  interrupted: 'The command was interrupted. Running it again goes on from where it stopped.',

  'pairing/malformed': 'A pairing message does not have the form it must have.',
  'pairing/unsupported-version': 'The two sides speak different versions. Update the older one.',
  'pairing/nameplate-length': 'The public part of a code has 2, 3 or 4 characters.',
  'pairing/ttl-out-of-range': 'A pairing session lives 30 to 300 seconds.',
  'pairing/bad-point': 'The other side sent a value that is no point of the curve. Nothing was granted.',
  'pairing/unauthorized': 'The relay refused the token of this session.',
  'pairing/forbidden': 'This device may not ask for that.',
  'pairing/confirmation-required':
    'A person must confirm this pairing and nobody could be asked. Use a terminal, --json with stdin, or --expect-device.',
  'pairing/not-found':
    'No session has this code: not started yet, over, or typed wrongly. Start auths pair on the other machine first.',
  'pairing/timeout': 'The other side went silent. Is it still running?',
  'pairing/conflict': 'The session is busy with another device, or this home belongs to somebody else.',
  'pairing/offer-consumed': 'Another device answered this offer first.',
  'pairing/already-used': 'The code has paired a device; a code pairs exactly one.',
  'pairing/session-expired': 'The code is older than its time. Run auths pair again for a fresh one.',
  'pairing/attempts-exhausted': 'Too many wrong tries; the code is dead. Run auths pair again.',
  'pairing/cancelled': 'The other side ended the session.',
  'pairing/payload-too-large': 'A pairing message is larger than 16 KiB.',
  'pairing/misdirected-host': 'The server was called by a name that it does not answer to.',
  'pairing/rate-limited': 'Too many calls from this address. Wait and try again.',
  'pairing/capacity-exhausted': 'The relay has no room for another session.',
  'pairing/nameplate-exhausted': 'The relay has no short code left; a longer code is used.',
  'pairing/invalid-code': 'This is not a pairing code. Check it against the other screen.',
  'pairing/pake-failed': 'Wrong code, or somebody in between. Nothing was granted.',
  'pairing/channel-tampered': 'A sealed message was changed on its way. Nothing was granted.',
  'pairing/commit-mismatch': 'The host showed other values than it had promised. Somebody may be in between.',
  'pairing/host-key-mismatch': 'The offer is not the one on the QR. Somebody may be in between.',
  'pairing/weak-key': 'The other side sent a weak key.',
  'pairing/invalid-signature': 'A signature of the other side does not verify; its version may be too old.',
  'pairing/did-mismatch': 'The DID of the device is not the one of its key.',
  'pairing/host-identity-invalid': 'The host could not prove that it is the identity it claims.',
  'pairing/attestation-invalid': 'The attestation that the host sent is not sound.',
  'pairing/sas-mismatch':
    'The two screens show different codes: somebody is in between. Nothing was granted.',
  'pairing/device-not-expected': 'Another device than the one in --expect-device answered.',
  'pairing/protocol-violation': 'The other side broke the protocol. Nothing was granted.',
  'pairing/clock-skew': 'The clocks of the two machines differ too much. Set them.',
  'pairing/declined': 'The person at the other side said no.',
  'pairing/no-peer':
    'Nobody answered on the local network. Same subnet? Or give --host URL, or --registry URL on both sides.',
  'pairing/host-not-expected': 'Another identity than the one in --expect-host answered.',
  'pairing/pending':
    'The host has not confirmed yet that the device is in its log. auths pair there and --join here once more finish it; auths sync comes later.',
};
