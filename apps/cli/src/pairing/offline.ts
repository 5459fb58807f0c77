/** `auths pair --offline`: the QR code and the code as they would look, and nothing that listens. For looking at only. */
import { guardedRandom } from '@auths/core/crypto/random';
import { formatCode } from '@auths/core/pairing/code';
import { drawHostSession, outOfBandOf } from '@auths/core/pairing/drawn-session';
import { encodeLink, encodeQrPayload } from '@auths/core/pairing/uri';
import type { CommandResult, Context } from '../command.ts';
import { withAuthority } from '../composition.ts';
import { urlHost } from '../lan/addresses.ts';
import { offerScreen } from '../views/offer.ts';
import type { HostSettings } from './flags.ts';
import { offerEvent } from './host.ts';
import { openHostIdentity } from './host-identity.ts';
import { lanAddressFor } from './host-way.ts';
import { nativeCrypto } from './native-crypto.ts';
import { noQr, qrFor } from './screen-qr.ts';

/** Draws a session that nobody can join: its secrets are dropped at once. */
export async function runOffline(context: Context, settings: HostSettings): Promise<CommandResult> {
  return withAuthority(context, 'pairing a device', async (stores) => {
    const { clock, random, screen, globals } = context;
    const { x25519PublicKey } = nativeCrypto;
    const host = await openHostIdentity(context, stores);
    const { address, port } = lanAddressFor(settings);
    const endpoint = `http://${urlHost(address.address)}${port === 0 ? '' : `:${port}`}`;
    const session = drawHostSession({
      random: guardedRandom(random),
      now: { monotonic: clock.monotonic(), wall: clock.now() },
      ttlSeconds: settings.ttlSeconds,
      code: settings.code,
      qr: settings.qr,
      link: settings.link,
      controllerDid: host.controllerDid,
      signingKey: host.identity.publicKey,
      hostStatic: x25519PublicKey(host.channelSecret),
      publicKeyOf: x25519PublicKey,
    });
    host.channelSecret.fill(0);
    const shared = outOfBandOf(session, 'qr', endpoint);
    const sent = outOfBandOf(session, 'link', endpoint);
    const code = session.slots.find((slot) => slot.code !== null)?.code ?? null;
    const offer = {
      kind: settings.code,
      code: code === null ? null : formatCode(code),
      nameplate: code?.nameplate ?? null,
      sessionId: session.sessionId,
      endpoint,
      uri: shared === null ? null : encodeQrPayload(shared),
      link: sent === null ? null : encodeLink(sent),
      expiresAt: session.expiresAt * 1000,
      capabilities: settings.capabilities,
    };
    if (globals.json) context.emit(offerEvent(offer, 'offline'));
    const drawn = offer.uri === null ? noQr : qrFor(screen, offer.uri);
    screen.write(
      offerScreen(
        {
          ...offer,
          ...drawn,
          mode: 'offline',
          did: host.controllerDid,
          note: null,
          mdns: null,
          byCode: true,
          secondsLeft: settings.ttlSeconds,
        },
        screen,
      ),
    );
    return { data: null, text: '', written: true };
  });
}
