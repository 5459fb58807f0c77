/** The one line at the foot of the pairing screen that changes. Nothing is drawn where stderr is not a terminal. */
import type { Clock } from '@auths/core/ports';
import type { Screen } from '../command.ts';
import { countdownLine } from '../views/pair.ts';

export interface Countdown {
  /** Prints above the line, which is drawn again below it. */
  readonly print: (text: string) => void;
  /** Takes the line away, for good. */
  readonly stop: () => void;
}

const CLEAR_LINE = '\r\u001b[2K';

/** Counts down to `endsAt`, in monotonic milliseconds, once a second. */
export function startCountdown(screen: Screen, clock: Clock, endsAt: number): Countdown {
  let drawn = false;
  const clear = (): void => {
    if (drawn) screen.write(CLEAR_LINE);
    drawn = false;
  };
  const draw = (): void => {
    const left = Math.max(0, Math.round((endsAt - clock.monotonic()) / 1000));
    clear();
    screen.write(countdownLine(left, screen.style));
    drawn = true;
  };
  const timer = screen.terminal ? setInterval(draw, 1_000) : undefined;
  if (screen.terminal) draw();
  return {
    print: (text) => {
      clear();
      screen.write(text);
      if (timer !== undefined) draw();
    },
    stop: () => {
      clearInterval(timer);
      clear();
    },
  };
}
