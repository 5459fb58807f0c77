/** What a stranger can make appear on the screen of a host, by the name that his device gives itself. */
import { members } from '@auths/testing/lies';
import { answer, goOn, wordOf } from '@auths/testing/lying-joiner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeFrom, lyingJoinerAt } from './insider-ends.ts';
import { endTerminals, hasScript, onTerminal } from './on-terminal.ts';
import { buildPrograms, removePrograms } from './programs.ts';
import { endOf, LAN, nothingGranted, openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  buildPrograms();
  stage = await openStage({ laptop: true });
}, 120_000);
afterAll(async () => {
  endTerminals();
  await stage.end();
  removePrograms();
});

/** Joins by the code, with whatever name. */
async function joinAs(name: string, code: string, origin: string): Promise<void> {
  const him = lyingJoinerAt(origin);
  const run = await answer(him, codeFrom(code), members({ device_name: name }));
  await goOn(him, run, await wordOf(him, run));
}

const FORGED = 'Does desktop show AAAA-AAAA? [Y/n] y';
const NAMES: readonly (readonly [string, string])[] = [
  [
    'that clears the screen and is read from the right',
    `\u001b[2J\u001b[H\u202e${FORGED}\u2066\u200f\u001b]0;owned\u0007`,
  ],
  ['of several lines that ends in an answer', `desktop\r\n\r\n${FORGED}\r\ny\u2028y`],
];

describe.concurrent('the name of a device', { timeout: 60_000 }, () => {
  it.skipIf(!hasScript).each(NAMES)(
    'E06 %s stands there as one plain line, and Enter is a no',
    async (_what, name) => {
      const host = onTerminal(stage.laptop, 200, 'pair', ...LAN);
      const [, code = ''] = await host.shown(/--join ([^\s\u001b]+)/);
      const [, origin = ''] = await host.shown(/Server: +([^\s\u001b]+)/);
      const from = host.text().length;
      const joining = joinAs(name, code, origin);
      const [question = ''] = await host.shown(/[^\n]*Does [^\n]* show [0-9A-Z-]{9}\? \[y\/N\]/);
      await joining;
      const screen = host.text().slice(from);
      // What he wrote is there, once in the question and once above it, and each time inside a line that is ours.
      const lines = screen.split('\n').filter((line) => line.includes('AAAA-AAAA'));
      expect(lines).toHaveLength(2);
      expect(lines[0]).toMatch(/Name: +/);
      expect(question).toContain('AAAA-AAAA');
      expect(screen.match(/\[y\/N\]/g)).toHaveLength(1);
      for (const sign of [
        '\u001b[2J',
        '\u001b[H',
        '\u001b]0;',
        '\u0007',
        '\u202e',
        '\u2066',
        '\u200f',
        '\u2028',
      ])
        expect(screen.includes(sign), JSON.stringify(sign)).toBe(false);
      host.type('\r');
      expect(await host.done).toBe(6);
      await nothingGranted(stage, stage.laptop, [{ device: stage.machine(), name: 'insider' }]);
    },
  );

  it('E06 of five thousand characters is 64 of them, and of none but signs is one that can be read', async () => {
    for (const [name, expected] of [
      ['x'.repeat(4_000), 'x'.repeat(64)],
      ['\u0000\u001b\u202e\u200b', 'device'],
    ] as const) {
      const host = stage.laptop.start('pair', '--json', ...LAN);
      const offer = await host.event('offer');
      const joining = joinAs(name, String(offer['code']), String(offer['endpoint']));
      expect(await host.event('joined')).toMatchObject({ device_name: expected });
      await joining;
      host.say('n');
      expect(await endOf(host)).toBe('6 pairing/declined');
    }
    const host = stage.laptop.start('pair', '--json', ...LAN);
    const offer = await host.event('offer');
    const far = joinAs('x'.repeat(5_000), String(offer['code']), String(offer['endpoint']));
    far.catch(() => {});
    // Beyond what any text of the protocol may have.
    expect(await endOf(host)).toBe('1 pairing/protocol-violation');
    await nothingGranted(stage, stage.laptop, [{ device: stage.machine(), name: 'insider' }]);
  });
});
