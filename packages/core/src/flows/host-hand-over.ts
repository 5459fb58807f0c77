/** The host's last steps (docs/protocol.md, "Messages", steps 7 to 9): stored before it is said, undone without "ack", then the news. */
import type { LinkRecord } from '../attestation/attestation.ts';
import { toBase64url } from '../encoding/base64url.ts';
import { toHex } from '../encoding/bytes.ts';
import { fromUtf8 } from '../encoding/text.ts';
import { formatTime } from '../encoding/time.ts';
import { expectInner, type RatchetChannel } from '../pairing/channel.ts';
import type { HostChannel, HostKeyed } from '../pairing/host.ts';
import { anchoredPieces } from '../pairing/pieces.ts';
import type { HostRelay } from '../pairing/relay.ts';
import { channelPsk } from '../pairing/transcript.ts';
import type { VerifiedDevice } from '../pairing/verify-device.ts';
import type { Random, StoredLog } from '../ports.ts';
import type { Conversation } from './conversation.ts';
import type { HostPorts } from './finish-pairings.ts';
import { sealedRecords } from './host-authority.ts';
import type { PairedDevice, PairingJournal } from './pairing-ports.ts';

export interface GrantPorts extends HostPorts {
  readonly relay: HostRelay;
  /** The guarded source of the whole command. */
  readonly random: Random;
}

/** One conversation with a device that has proved the code. */
export interface Talk {
  readonly keyed: HostKeyed;
  readonly channel: HostChannel;
  readonly device: VerifiedDevice;
  readonly talk: Conversation;
  readonly ratchet: RatchetChannel;
  readonly ms: number;
}

/** Steps 7 and 8: stored as provisional, then said; undone when the device does not acknowledge. */
export async function handOver(
  ports: GrantPorts,
  on: Talk & { readonly link: LinkRecord },
): Promise<PairingJournal> {
  const { host, clock, random } = ports;
  const { device, channel, keyed, talk, ratchet, link } = on;
  const token = random.bytes(32);
  const createdAt = formatTime(clock.now());
  const entry: PairedDevice = {
    device_id: toHex(device.deviceId),
    device_did: device.did,
    name: device.name,
    static: toBase64url(device.static),
    psk: toBase64url(channelPsk(token, channel.hostStatic, device.static)),
    status: 'provisional',
    created_at: createdAt,
    rid: link.rid,
  };
  const journal: PairingJournal = {
    v: 1,
    session_id: keyed.session.sessionId,
    device_id: entry.device_id,
    created_at: createdAt,
    acknowledged: false,
    link,
  };
  await host.devices.begin(entry, journal);
  try {
    await talk.send(
      ratchet.seal({ t: 'paired', device_id: entry.device_id, token: toBase64url(token), attestation: link }),
    );
    expectInner(ratchet.open(await talk.next(on.ms)), 'ack');
  } catch (error) {
    await host.devices.forget(journal);
    throw error;
  }
  return journal;
}

/** Step 9b. The grant stands already, so a device that is not there any more to hear it is no failure: it has `auths sync`. */
export async function announce(
  ports: GrantPorts,
  ratchet: RatchetChannel,
  talk: Conversation,
  shown: StoredLog,
  anchored: StoredLog,
): Promise<void> {
  try {
    const events = fromUtf8(anchored.stream.subarray(shown.stream.length));
    for (const piece of anchoredPieces(events, await sealedRecords(ports, anchored))) {
      await talk.send(ratchet.seal(piece));
    }
  } catch {
    // Nothing to undo and nothing more to say.
  }
}
