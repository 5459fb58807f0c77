/** Bodies of the pairing routes with well-formed values, for tests that are about the relay and not about keys. */
import { createHash, randomBytes } from 'node:crypto';
import type { SessionId } from '@auths/core/identifiers';
import type { ConfirmBody, CreateBody, MessageBody, ResponseBody, SlotBody } from '@auths/core/pairing/relay';

export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

export function hashOf(secret: Uint8Array): string {
  return createHash('sha256').update(secret).digest('base64url');
}

/** Three shares of the right length; a relay never looks inside. */
export function sampleShares(): [string, string, string] {
  return [base64url(randomBytes(65)), base64url(randomBytes(65)), base64url(randomBytes(65))];
}

export interface SampleSession {
  readonly body: CreateBody;
  readonly id: SessionId;
  /** ht. */
  readonly token: Uint8Array;
  /** Claim key of the qr slot. */
  readonly claim: Uint8Array;
  readonly nameplate: string;
}

const A31 = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';

export function sampleSession(
  change: Partial<CreateBody> & { readonly nameplate?: string } = {},
): SampleSession {
  const { nameplate = randomNameplate(), ...members } = change;
  const id = randomBytes(16).toString('hex') as SessionId;
  const token = new Uint8Array(randomBytes(32));
  const claim = new Uint8Array(randomBytes(32));
  const slots: readonly SlotBody[] = [
    { kind: 'short6', nameplate, pake: sampleShares() },
    { kind: 'qr', claim_hash: hashOf(claim), pake: sampleShares() },
  ];
  return {
    id,
    token,
    claim,
    nameplate,
    body: {
      v: 1,
      session_id: id,
      ttl_seconds: 300,
      ephemeral_pubkey: base64url(randomBytes(32)),
      host_commit: base64url(randomBytes(32)),
      expires_at: 1_790_000_300,
      slots,
      host_token_hash: hashOf(token),
      ...members,
    },
  };
}

export function randomNameplate(): string {
  return [...randomBytes(2)].map((byte) => A31.charAt(byte % 31)).join('');
}

export interface SampleResponse {
  readonly body: ResponseBody;
  /** jt. */
  readonly token: Uint8Array;
}

export function sampleResponse(change: Partial<ResponseBody> = {}): SampleResponse {
  const token = new Uint8Array(randomBytes(32));
  return {
    token,
    body: {
      v: 1,
      kind: 'short6',
      attempt: 0,
      device_x25519_pubkey: base64url(randomBytes(32)),
      device_nonce: base64url(randomBytes(32)),
      pake_msg: base64url(randomBytes(65)),
      pake_confirm: base64url(randomBytes(32)),
      sealed: base64url(randomBytes(1_040)),
      joiner_token_hash: hashOf(token),
      ...change,
    },
  };
}

export function sampleOk(attempt = 0): ConfirmBody {
  return {
    attempt,
    result: 'ok',
    pake_confirm: base64url(randomBytes(32)),
    sealed: base64url(randomBytes(1_040)),
  };
}

export function sampleMessage(seq: number, bytes = 1_040): MessageBody {
  return { seq, sealed: base64url(randomBytes(bytes)) };
}
