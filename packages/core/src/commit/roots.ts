/** `.auths/roots`: the identities that a repository trusts, one a line (identity-life.md 5). */
import { AuthsError } from '../errors.ts';
import { parseDidKeri, parseSaid } from '../identifiers.ts';
import type { DidKeri, Said } from '../identifiers.ts';

export interface Root {
  readonly did: DidKeri;
  /** An event that the identity's log must hold; a log without it is refused. */
  readonly said: Said | null;
  /** A leaver: only history up to this commit passes. */
  readonly until: string | null;
}

const OID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const MOST_LINES = 4096;

/**
 * The roots in a file of lines `did:keri:E… [@said] [until <commit>]`. Blank lines and lines that start
 * with `#` are skipped. Anything else, or one identity in two lines that differ, is `input/malformed`
 * naming the line.
 */
export function parseRoots(text: string): readonly Root[] {
  const lines = text.split('\n');
  if (lines.length > MOST_LINES)
    throw new AuthsError('input/malformed', `roots: more than ${MOST_LINES} lines`);
  const roots = new Map<DidKeri, Root>();
  lines.forEach((line, index) => {
    const words = line.replace(/^[ \t]+|[ \t\r]+$/g, '');
    if (words === '' || words.startsWith('#')) return;
    const root = parseLine(words, `roots, line ${index + 1}`);
    const known = roots.get(root.did);
    if (known !== undefined && (known.said !== root.said || known.until !== root.until)) {
      throw new AuthsError(
        'input/malformed',
        `roots, line ${index + 1}: ${root.did} stands in an earlier line, differently`,
      );
    }
    roots.set(root.did, root);
  });
  return [...roots.values()];
}

/** A root as typed: `did:keri:E…` or `did:keri:E…@said`. Else `input/malformed`. */
export function parseRootArgument(text: string): Root {
  const [did = '', said, ...rest] = text.split('@');
  if (rest.length > 0)
    throw new AuthsError('input/malformed', `"${text.slice(0, 120)}" is not a root (DID or DID@said)`);
  return { did: parseDidKeri(did), said: said === undefined ? null : parseSaid(said), until: null };
}

/** The file's text for these roots: sorted by identity, so that equal sets have equal files. */
export function formatRoots(roots: readonly Root[]): string {
  const lines = roots.map(({ did, said, until }) =>
    [did, ...(said === null ? [] : [`@${said}`]), ...(until === null ? [] : ['until', until])].join(' '),
  );
  return lines
    .sort()
    .map((line) => `${line}\n`)
    .join('');
}

function parseLine(line: string, place: string): Root {
  const words = line.split(/[ \t]+/);
  try {
    const root = parseRootArgument(words.shift() ?? '');
    let said = root.said;
    if (words[0]?.startsWith('@') === true && said === null)
      said = parseSaid((words.shift() as string).slice(1));
    let until: string | null = null;
    if (words[0] === 'until' && words[1] !== undefined && OID.test(words[1])) {
      until = words[1];
      words.splice(0, 2);
    }
    if (words.length > 0)
      throw new AuthsError('input/malformed', `"${words.join(' ').slice(0, 80)}" is not understood`);
    return { did: root.did, said, until };
  } catch (cause) {
    const why = cause instanceof AuthsError ? cause.message : 'not understood';
    throw new AuthsError('input/malformed', `${place}: ${why}`, { cause });
  }
}
