/** Verdicts for people, scripts and CI: text, JSON, JUnit XML, GitHub annotations. */
import { classOf, type ObjectResult, type VerdictClass } from '@auths/core/commit/verdict';
import { sanitise } from '@auths/core/errors';
import type { Verification } from '@auths/git-store/verify-target';
import type { Context, Style } from '../command.ts';
import { safeName, shortDid } from './layout.ts';

/** The `data` of `auths verify`. */
export function verificationJson(verification: Verification): unknown {
  const { target, range, roots, rootsFrom, results, notes } = verification;
  return {
    target,
    range,
    roots: roots.map(({ did }) => did),
    roots_from: rootsFrom,
    summary: summaryOf(verification),
    results: results.map(resultJson),
    notes: notes.map((note) => sanitise(note)),
  };
}

/** One result as JSON. */
export function resultJson(result: ObjectResult): unknown {
  return {
    object: result.object,
    type: result.type,
    verdict: result.verdict,
    controller_did: result.controllerDid,
    device_did: result.deviceDid,
    device_name: result.deviceName === null ? null : safeName(result.deviceName),
    capabilities: result.capabilities,
    as_of: result.asOf,
    freshness: result.freshness,
    checks: result.checks.map(({ step, ok, detail }) => ({ step, ok, detail: sanitise(detail) })),
    hint: result.hint,
  };
}

interface Summary {
  readonly verdict: 'pass' | 'fail' | 'unverifiable';
  readonly total: number;
  readonly passed: number;
  readonly noted: number;
  readonly failed: number;
  readonly unverifiable: number;
  /** How often each verdict was given. */
  readonly verdicts: Readonly<Record<string, number>>;
}

function summaryOf({ results, exit }: Verification): Summary {
  const count = (wanted: VerdictClass): number =>
    results.filter(({ verdict }) => classOf(verdict) === wanted).length;
  const verdicts: Record<string, number> = {};
  for (const { verdict } of results) verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
  return {
    verdict: exit === 0 ? 'pass' : exit === 1 ? 'fail' : 'unverifiable',
    total: results.length,
    passed: count('passed'),
    noted: count('noted'),
    failed: count('failed'),
    unverifiable: count('unverifiable'),
    verdicts,
  };
}

/** One line an object, what is wrong under it, and a last line that counts. */
export function verificationText(context: Context, verification: Verification): string {
  const { style } = context;
  const lines = verification.results.flatMap((result) =>
    resultLines(style, result, (did) => shown(context, did)),
  );
  const { total, failed, unverifiable, noted } = summaryOf(verification);
  const parts = [`${total - failed - unverifiable} of ${total} good`];
  if (noted > 0) parts.push(`${noted} with a note`);
  if (failed > 0) parts.push(style.bad(`${failed} refused`));
  if (unverifiable > 0) parts.push(style.warn(`${unverifiable} could not be judged`));
  const roots = verification.roots.map(({ did }) => shown(context, did)).join(', ');
  const trust = style.dim(`trusting ${roots} (${ROOTS_WORDS[verification.rootsFrom]})`);
  return [...lines, `${parts.join(', ')}; ${trust}`].join('\n');
}

const ROOTS_WORDS: Readonly<Record<Verification['rootsFrom'], string>> = {
  flag: 'by --root',
  ref: 'by --roots-from',
  target: 'from the target branch',
  pinned: 'pinned for this clone',
  'first-use': 'on first use',
};

/** The lines for one result. */
export function resultLines(style: Style, result: ObjectResult, show: (did: string) => string): string[] {
  const colour = { passed: style.good, noted: style.warn, failed: style.bad, unverifiable: style.warn }[
    classOf(result.verdict)
  ];
  const name = result.type === 'tag' ? `tag ${result.object.slice(0, 10)}` : result.object.slice(0, 10);
  const who =
    result.controllerDid === null
      ? result.deviceDid === null
        ? ''
        : ` via ${show(result.deviceDid)}`
      : ` ${show(result.controllerDid)} via ${show(result.deviceDid ?? '')}`;
  const device = result.deviceName === null ? '' : style.dim(` (${safeName(result.deviceName)})`);
  const lines = [`${name} ${colour(result.verdict)}${who === '' ? '' : ':'}${who}${device}`];
  const wanted = classOf(result.verdict) === 'passed' ? [] : result.checks.slice(-1);
  for (const { detail } of wanted) lines.push(`  ${sanitise(detail)}`);
  if (result.hint !== null && classOf(result.verdict) !== 'noted')
    lines.push(`  ${style.accent('→')} ${result.hint}`);
  return lines;
}

/** JUnit XML, one test case an object. */
export function verificationJunit(verification: Verification): string {
  const { total, failed, unverifiable } = summaryOf(verification);
  const cases = verification.results.map((result) => {
    const head = `    <testcase classname="auths.verify" name="${xml(`${result.type} ${result.object}`)}"`;
    const kind = classOf(result.verdict);
    if (kind === 'passed') return `${head}/>`;
    const detail = xml(`${result.verdict}: ${lastDetail(result)}`);
    if (kind === 'noted') return `${head}><system-out>${detail}</system-out></testcase>`;
    const tag = kind === 'failed' ? 'failure' : 'error';
    return `${head}><${tag} type="${xml(result.verdict)}" message="${detail}"/></testcase>`;
  });
  const counts = `tests="${total}" failures="${failed}" errors="${unverifiable}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${xml(`auths verify ${verification.target}`)}" ${counts}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
  ].join('\n');
}

/** GitHub workflow commands, one annotation an object that is not simply valid, and the counts. */
export function verificationGithub(verification: Verification): string {
  const lines = verification.results.flatMap((result) => {
    const kind = classOf(result.verdict);
    if (kind === 'passed') return [];
    const level = kind === 'noted' ? 'notice' : kind === 'failed' ? 'error' : 'warning';
    const message = `${result.type} ${result.object}: ${lastDetail(result)}`;
    return [`::${level} title=${command(result.verdict, true)}::${command(message, false)}`];
  });
  const { total, passed, noted } = summaryOf(verification);
  return [...lines, `auths verify: ${passed + noted} of ${total} good`].join('\n');
}

/** The step summary of a workflow, in Markdown. */
export function verificationMarkdown(verification: Verification): string {
  const rows = verification.results.map(
    (result) =>
      `| \`${result.object.slice(0, 12)}\` | ${result.verdict} | ${cell(result.deviceName ?? '')} | ${cell(lastDetail(result))} |`,
  );
  return ['### auths verify', '', '| object | verdict | device | |', '|---|---|---|---|', ...rows, ''].join(
    '\n',
  );
}

function lastDetail({ checks }: ObjectResult): string {
  return sanitise(checks.at(-1)?.detail ?? '');
}

/** Whole where a script may read it, short on a terminal. */
function shown(context: Context, did: string): string {
  return context.style.enabled ? shortDid(did) : did;
}

function cell(text: string): string {
  return sanitise(text).replace(/[\\|`<>[\]*_]/g, (char) => `\\${char}`);
}

function xml(text: string): string {
  return sanitise(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Data of a workflow command; a property also escapes what separates properties. */
function command(text: string, property: boolean): string {
  const data = sanitise(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return property ? data.replaceAll(':', '%3A').replaceAll(',', '%2C') : data;
}
