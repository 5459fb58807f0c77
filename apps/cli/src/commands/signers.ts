/** `auths signers export`: allowed_signers for stock git, from this home's identity or a repository's `.auths/`. */
import { resolve } from 'node:path';
import { formatAllowedSigners, isGitSigner } from '@auths/core/commit/allowed-signers';
import type { DeviceState } from '@auths/core/attestation/device-state';
import { utf8 } from '@auths/core/encoding/text';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { verifyEngine } from '../engines.ts';

export const signersExport: CommandSpec = defineCommand({
  examples: [
    { command: 'auths signers export', what: 'to the screen' },
    { command: 'auths signers export --output .git/allowed_signers', what: 'for gpg.ssh.allowedSignersFile' },
    { command: 'auths signers export --roots-from origin/main', what: 'everybody whom a repository trusts' },
  ],
  flags: {
    output: { kind: 'value', hint: 'F', summary: 'write a file instead' },
    root: { kind: 'list', hint: 'DID', summary: 'these identities, by the evidence of the repository' },
    'roots-from': { kind: 'value', hint: 'REF', summary: 'the identities that this branch trusts' },
  },
  arguments: [],
  more: 'A projection for tools that know no identities: stock git compares with the date inside a commit, auths verify does not.',
  async run(context, { flags }) {
    const fromRepository = flags.root.length > 0 || flags['roots-from'] !== undefined;
    const own = fromRepository ? null : await ownSigners(context);
    const devices = own ?? (await repositorySigners(context, flags.root, flags['roots-from'] ?? null));
    const signers = devices.filter(isGitSigner);
    const text = formatAllowedSigners(signers);
    const { output } = flags;
    if (output !== undefined) {
      const { writeFileAtomic } = await import('@auths/key-store/atomic-file');
      await writeFileAtomic(resolve(context.cwd, output), utf8(text), 0o644);
      context.note(`${signers.length} signers written to ${output}`);
    }
    return {
      data: { output: output ?? null, signers: signers.map(signerJson), allowed_signers: text },
      text: output === undefined ? text : '',
    };
  },
});

function signerJson(device: DeviceState): unknown {
  return {
    controller_did: device.issuer,
    device_did: device.subject,
    device_name: device.name,
    issued_at: device.issuedAt,
    expires_at: device.expiresAt,
    revoked_at: device.revocation?.revokedAt ?? null,
  };
}

/** The devices of the identity in this home; null when it has none. */
async function ownSigners(context: Context): Promise<readonly DeviceState[] | null> {
  const { homeExists } = await import('@auths/git-store/home-parts');
  if (!homeExists(context.home)) return null;
  const { openStores } = await import('../composition.ts');
  const stores = await openStores(context);
  try {
    if (stores.identity === null) return null;
    const { ownDevices } = await import('@auths/core/flows/own-devices');
    const ports = { log: stores.log, records: stores.attestations, engine: verifyEngine };
    return (await ownDevices(ports, stores.identity.controller_did)).devices;
  } finally {
    await stores.close();
  }
}

/** Everybody whom the repository trusts, under the root rule of `verify`. */
async function repositorySigners(
  context: Context,
  roots: readonly string[],
  rootsFrom: string | null,
): Promise<readonly DeviceState[]> {
  const { findRepository } = await import('@auths/git-store/repository');
  const { trustedDevices } = await import('@auths/git-store/verify-target');
  await using repository = await findRepository(context.cwd);
  // Awaited here: the repository is closed when this function returns.
  return await trustedDevices(repository, {
    roots,
    rootsFrom,
    home: context.home,
    engine: verifyEngine,
    now: context.clock.now(),
    mayPin: true,
  });
}
