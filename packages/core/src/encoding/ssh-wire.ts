/** The wire format of SSH (RFC 4251 section 5): strings and numbers as they lie in a message. */
import { AuthsError } from '../errors.ts';
import { latin1At } from './text.ts';

/** Reads one after the other, without copying; beyond the end is `input/malformed`. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  u32(): number {
    const at = this.#skip(4);
    const bytes = this.#bytes;
    const low =
      ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    return (bytes[at] as number) * 0x1000000 + low;
  }

  /** A string as a view. */
  bytes(): Uint8Array {
    const length = this.u32();
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A string, or as many bytes as are told, one character a byte. */
  text(length: number = this.u32()): string {
    const at = this.#skip(length);
    return latin1At(this.#bytes, at, at + length);
  }

  /** A string that holds further ones. */
  part(): WireReader {
    const length = this.u32();
    const at = this.#skip(length);
    return new WireReader(this.#bytes, at, at + length);
  }

  isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  /** Where so many bytes begin. */
  #skip(length: number): number {
    const at = this.#at;
    if (at + length > this.#end) throw new AuthsError('input/malformed', 'cut off');
    this.#at = at + length;
    return at;
  }
}
