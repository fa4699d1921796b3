const LOWER = 'abcdefghijklmnopqrstuvwxyz0123456789';
const BASE62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Bytes nobody can guess; handed in so that a test may choose them. */
export type Random = (size: number) => Uint8Array;

/** An identifier: the prefix and `length` lower-case letters or digits, 5.17 bits each. */
export function newId(random: Random, prefix: string, length: number): string {
  return prefix + pick(random, LOWER, length);
}

/** A key's secret: `thw_` and 40 base-62 characters, 238 bits. */
export function newSecret(random: Random): string {
  return `thw_${pick(random, BASE62, 40)}`;
}

/** Each character equally likely: bytes past the last whole multiple of the alphabet are thrown away. */
function pick(random: Random, alphabet: string, length: number): string {
  const limit = 256 - (256 % alphabet.length);
  let text = '';
  while (text.length < length) {
    for (const byte of random(length * 2)) {
      if (byte < limit && text.length < length) text += alphabet[byte % alphabet.length];
    }
  }
  return text;
}
