/** What cannot be read is put aside under a name of its own, for a person to look at. */
import { lstatSync } from 'node:fs';

/** Something that git needs of a home and that is not as it should be, with what a repair costs. */
export interface BrokenFile {
  readonly path: string;
  readonly detail: string;
}

/** `path`, or the first name like it that nothing has. */
export function unusedName(path: string): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? path : `${path}-${n}`;
    if (lstatSync(name, { throwIfNoEntry: false }) === undefined) return name;
  }
}
