/**
 * @file A strict JSON cursor (RFC 8259) over the header's text. It reads only what the caller asks for, so
 * that nesting and memory stay bounded, every error names its byte, and a duplicate key is seen
 * (`JSON.parse` silently keeps the last one).
 */

import { quote } from '../describe.ts';
import { DBNetError } from '../errors.ts';

const LONGEST_TOKEN = 32;
const WHOLE_NUMBER = /^(?:0|[1-9][0-9]{0,15})$/;
const TOKEN = /[\w.+-]+/y;
const HEX4 = /[0-9a-fA-F]{4}/y;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Throws a `DBNetError` of code `invalid-safetensors`. */
export function failInvalid(message: string): never {
  throw new DBNetError('invalid-safetensors', `Not a valid safetensors file: ${message}`);
}

/** Reads a JSON text from front to back. All methods throw `DBNetError` (`invalid-safetensors`). */
export class JsonCursor {
  readonly #text: string;
  readonly #base: number;
  #at = 0;

  /** @param base Byte of the file at which the text begins; used in messages. */
  constructor(text: string, base: number) {
    this.#text = text;
    this.#base = base;
  }

  /** Reads an object; `member` must read the value of each key. Refuses a key that occurs twice. */
  object(what: string, member: (key: string) => void): void {
    this.#open('{', what, 'an object');
    const seen = new Set<string>();
    if (this.#close('}')) return;
    do {
      this.#skipSpace();
      const at = this.#at;
      const key = this.string(`a name in ${what}`);
      if (seen.has(key)) {
        failInvalid(
          `the name ${quote(key)} occurs twice in ${what}; the second is at byte ${this.#byte(at)}.`,
        );
      }
      seen.add(key);
      this.#skipSpace();
      if (this.#text[this.#at] !== ':') this.#fail(what, `":" after the name ${quote(key)}`);
      this.#at++;
      member(key);
    } while (this.#more('}', what));
  }

  /** Reads an array; `item` must read each element. */
  array(what: string, item: () => void): void {
    this.#open('[', what, 'an array');
    if (this.#close(']')) return;
    do item();
    while (this.#more(']', what));
  }

  /** Reads `null`, if it stands here. */
  nothing(): boolean {
    this.#skipSpace();
    if (!this.#text.startsWith('null', this.#at)) return false;
    this.#at += 4;
    return true;
  }

  /** Reads a whole number from 0 to 2^53 - 1, written in digits only (no sign, point or exponent). */
  wholeNumber(what: string): number {
    this.#skipSpace();
    TOKEN.lastIndex = this.#at;
    const token = TOKEN.exec(this.#text)?.[0] ?? '';
    const value = WHOLE_NUMBER.test(token) ? Number(token) : Number.NaN;
    if (!Number.isSafeInteger(value)) this.#fail(what, 'a whole number from 0 to 2^53 - 1');
    this.#at += token.length;
    return value;
  }

  /** Reads a string; escapes are resolved, lone surrogates and raw control characters refused. */
  string(what: string): string {
    this.#open('"', what, 'a string');
    const text = this.#text;
    const start = this.#at;
    let escaped = false;
    for (;;) {
      const code = text.charCodeAt(this.#at);
      if (code === 0x22) break;
      if (Number.isNaN(code)) this.#fail(what, 'a closing quote');
      if (code < 0x20) this.#fail(what, 'an escaped control character in the string');
      if (code === 0x5c) {
        escaped = true;
        this.#skipEscape(what);
      } else this.#at++;
    }
    const raw = text.slice(start, this.#at);
    this.#at++;
    if (!escaped) return raw;
    const value: string = JSON.parse(`"${raw}"`);
    if (LONE_SURROGATE.test(value)) {
      failInvalid(
        `at byte ${this.#byte(start)}, ${what}: expected Unicode text, found half a surrogate pair (\\uD800 to \\uDFFF alone).`,
      );
    }
    return value;
  }

  /** Refuses anything but white space up to the end. */
  end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail('the header', 'only padding after the closing brace');
  }

  #open(char: string, what: string, expected: string): void {
    this.#skipSpace();
    if (this.#text[this.#at] !== char) this.#fail(what, expected);
    this.#at++;
  }

  /** Takes the closing bracket of an empty object or array, if it stands here. */
  #close(char: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #more(closing: string, what: string): boolean {
    this.#skipSpace();
    const char = this.#text[this.#at];
    if (char !== ',' && char !== closing) this.#fail(what, `"," or ${quote(closing)}`);
    this.#at++;
    return char === ',';
  }

  #skipEscape(what: string): void {
    const kind = this.#text[this.#at + 1];
    if (kind === 'u') {
      HEX4.lastIndex = this.#at + 2;
      if (!HEX4.test(this.#text)) this.#fail(what, 'four hexadecimal digits after \\u');
      this.#at += 6;
    } else {
      if (kind === undefined || !'"\\/bfnrt'.includes(kind)) {
        this.#fail(what, 'one of " \\ / b f n r t u after a backslash', this.#at + 1);
      }
      this.#at += 2;
    }
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #fail(what: string, expected: string, at = this.#at): never {
    failInvalid(`at byte ${this.#byte(at)}, ${what}: expected ${expected}, found ${this.#found(at)}.`);
  }

  #found(at: number): string {
    const code = this.#text.codePointAt(at);
    if (code === undefined) return 'the end of the header';
    const char = String.fromCodePoint(code);
    if (char === '"') return 'a string';
    if (char === '{') return 'an object';
    if (char === '[') return 'an array';
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(this.#text.slice(0, at + LONGEST_TOKEN + 1))?.[0];
    return quote(token ?? char, LONGEST_TOKEN);
  }

  /** Byte of the file of a position in the text: the length of what stands before it, in UTF-8. */
  #byte(at: number): number {
    let bytes = this.#base;
    for (let i = 0; i < at; i++) {
      const code = this.#text.charCodeAt(i);
      const surrogate = code >= 0xd800 && code <= 0xdfff;
      bytes += code < 0x80 ? 1 : code < 0x800 || surrogate ? 2 : 3;
    }
    return bytes;
  }
}
