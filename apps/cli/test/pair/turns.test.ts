import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../src/lan/discovery.ts';
import { createTurns } from '../../src/lan/turns.ts';

const from = (sender: string, port: number): Candidate => ({
  instance: '0a1b2c3d',
  port,
  addresses: [{ address: sender, family: 4, scope: null }],
  sender,
});

describe('turns of those who answered', () => {
  it('go round: the one that shouts comes second after everybody came first', () => {
    const turns = createTurns();
    for (let port = 1; port <= 5; port += 1) turns.add(from('10.0.0.66', port));
    expect(turns.next()?.port).toBe(1);
    turns.add(from('10.0.0.7', 4000));
    turns.add(from('10.0.0.8', 4001));
    expect([turns.next(), turns.next(), turns.next(), turns.next()].map((one) => one?.port)).toEqual([
      4000, 4001, 2, 3,
    ]);
  });

  it('are as they came where everybody has had as many, and end', () => {
    const turns = createTurns();
    expect([turns.next(), turns.waiting()]).toEqual([null, false]);
    turns.add(from('10.0.0.7', 1));
    turns.add(from('10.0.0.8', 2));
    expect(turns.waiting()).toBe(true);
    expect([turns.next()?.port, turns.next()?.port, turns.next()]).toEqual([1, 2, null]);
  });
});
