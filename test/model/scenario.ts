/** What a walk is about: which ways in are open, who is there, how attentive, and how bad the day is. */
import type { CodeKind, SlotKind } from '../../packages/core/src/pairing/code.ts';
import type { Dice } from './dice.ts';

export interface Scenario {
  readonly lan: boolean;
  readonly code: CodeKind | null;
  readonly qr: boolean;
  readonly link: boolean;
  /** `--confirm`, `--yes`, and `--expect-device` with the first joiner's. */
  readonly confirm: boolean;
  readonly yes: boolean;
  readonly expectDevice: boolean;
  readonly ttlSeconds: number;
  readonly sasTries: number;
  readonly renew: boolean;
  readonly hostile: 'none' | 'guesses' | 'knows';
  /** Compares before saying yes; else says yes to whoever comes. */
  readonly attentive: boolean;
  /** How often people refuse, mistype, or are not there. */
  readonly moods: number;
  /** Weights and probabilities, each of one pick. */
  readonly bustle: number;
  readonly advance: number;
  readonly crash: number;
  readonly interrupt: number;
  readonly wallStep: number;
  readonly losses: number;
  readonly repeats: number;
  readonly revoke: number;
  readonly fullDisk: number;
}

export function drawScenario(dice: Dice): Scenario {
  const [code, qr, link] = dice.weighted<readonly [CodeKind | null, boolean, boolean]>([
    [10, ['short6', false, false]],
    [4, ['short6', true, false]],
    [3, [null, true, false]],
    [2, [null, false, true]],
    [2, ['pin8', false, false]],
    [1, ['code12', false, true]],
  ]);
  return {
    lan: dice.chance(0.5),
    code,
    qr,
    link,
    confirm: dice.chance(0.4),
    yes: dice.chance(0.15),
    expectDevice: dice.chance(0.1),
    ttlSeconds: dice.pick([30, 120, 300]),
    sasTries: dice.pick([1, 3]),
    renew: dice.chance(0.3),
    hostile: dice.weighted<Scenario['hostile']>([
      [3, 'none'],
      [1, 'guesses'],
      [4, 'knows'],
    ]),
    attentive: dice.chance(0.85),
    moods: dice.pick([0, 0, 0.1, 0.3]),
    bustle: dice.pick([0.005, 0.02, 0.05]),
    advance: dice.pick([0.001, 0.01, 0.05]),
    crash: dice.pick([0, 0.002, 0.005, 0.015]),
    interrupt: dice.pick([0, 0, 0.001, 0.005]),
    wallStep: dice.pick([0, 0, 0, 0.002, 0.01]),
    losses: dice.pick([0, 0, 0.01, 0.05]),
    repeats: dice.pick([0, 0, 0.02, 0.1]),
    revoke: dice.pick([0, 0, 0.002, 0.01]),
    fullDisk: dice.pick([0, 0, 0, 0.02, 0.1]),
  };
}

/** Who must agree before a device is let in: the table of docs/protocol.md, "Codes", written down a second time. */
export function ruleOf(scenario: Scenario, kind: SlotKind): 'type' | 'yes' | 'none' {
  if (scenario.expectDevice) return 'none';
  if (kind === 'link' || (kind === 'short6' && !scenario.lan)) return 'type';
  if (kind === 'qr' && !scenario.confirm) return 'none';
  return scenario.yes ? 'none' : 'yes';
}
