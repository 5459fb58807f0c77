/** Whether anything that a relay saw holds a secret of the ends, in any alignment or spelling. */
import { parseJoinInput } from '../../packages/core/src/pairing/uri.ts';
import { Broken } from './rules.ts';
import type { World } from './world.ts';

/** Throws `Broken`. */
export function lookForSecrets(world: World): void {
  const text: string[] = [];
  const bytes: string[] = [];
  for (const { request, response } of world.wires.seen) {
    text.push(request.path, JSON.stringify(request.body ?? null), JSON.stringify(response?.body ?? null));
    for (const field of fieldsOf([request.body, response?.body]))
      bytes.push(Buffer.from(field, 'base64url').toString('latin1'));
  }
  const haystack = [text.join('\n'), bytes.join('\n')];
  const find = (what: string, needle: string): void => {
    if (haystack.some((hay) => hay.includes(needle))) throw new Broken('secrets', `a relay saw ${what}`);
  };
  for (const { code, link } of world.offers) {
    if (code !== null) {
      find('a code', code);
      find('a code', code.replaceAll('-', ''));
    }
    if (link === null) continue;
    const input = parseJoinInput(link);
    if (input.kind !== 'code')
      find('the secret of a link', Buffer.from(input.offer.secret).toString('latin1'));
  }
  for (const { sas } of world.consents) find('a fingerprint', sas);
  for (const { name, did } of world.joiners) {
    find(`the key of ${name}`, did);
    find(`the name of ${name}`, `"${name}"`);
  }
  find('the identity', world.authority.controllerDid);
  // Drawn to be said: the nonces of devices. Session ids travel in hex, tokens in a header to the relay that checks them.
  const nonces = new Set(
    world.wires.seen.map(
      ({ request }) => (request.body as { device_nonce?: string } | undefined)?.device_nonce,
    ),
  );
  for (const { draws } of world.randoms) {
    for (const draw of draws) {
      if (draw.length < 16 || nonces.has(Buffer.from(draw).toString('base64url'))) continue;
      find('what was drawn as a secret', Buffer.from(draw).toString('latin1'));
    }
  }
}

/** Every text in it that could be bytes. */
function fieldsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return /^[\w-]{16,}$/.test(value) ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(fieldsOf);
}
