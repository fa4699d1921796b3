import { parseEnv } from 'node:util';

/** Needs no quotes wherever such files are read. */
const PLAIN = /^[A-Za-z0-9_./:@%+,=-]+$/;

/**
 * One line of a dotenv file, or several when the value has line breaks; undefined when no notation of such files can
 * hold the value. What is written is what Node's own reader reads again.
 */
export function dotenvLine(name: string, value: string): string | undefined {
  const notations = [PLAIN.test(value) ? value : undefined, `'${value}'`, `"${value}"`, `\`${value}\``];
  for (const notation of notations) {
    if (notation === undefined) continue;
    const line = `${name}=${notation}`;
    // With a line after it: a quote that is left open would take that in.
    const read = parseEnv(`${line}\nNEXT_LINE=1\n`);
    if (read[name] === value && read.NEXT_LINE === '1' && Object.keys(read).length === 2) return line;
  }
  return undefined;
}

/** The values of a dotenv file. */
export function readDotenv(text: string): Record<string, string> {
  const values = Object.entries(parseEnv(text)).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(values);
}
