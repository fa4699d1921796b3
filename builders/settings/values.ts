import * as z from 'zod';

/*
 * The kinds of values that settings have. Each one carries the words for what is allowed as its only message, so that a
 * mistake can be told as "<key> is <found>; allowed: <words>".
 */

const LONGEST_COMMAND = 4096;
const LONGEST_PATH = 1024;

export function whole(least: number, most: number, of = '') {
  const error = `a whole number ${of}from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

export function fraction(least: number, most: number) {
  const error = `a number from ${least} to ${most}`;
  return z.number({ error }).min(least, { error }).max(most, { error });
}

export function choice<const T extends readonly [string, ...string[]]>(...values: T) {
  return z.enum(values, { error: values.map((value) => `"${value}"`).join(', ') });
}

export function matching(pattern: RegExp, error: string) {
  return z.string({ error }).regex(pattern, { error });
}

/** A line for the shell. */
export function command() {
  const error = `a command as text in quotes, at most ${LONGEST_COMMAND} characters`;
  return z
    .string({ error })
    .regex(/^[^\0]*[^\0\s][^\0]*$/, { error })
    .max(LONGEST_COMMAND, { error });
}

/** What is asked for on the app itself; `//` would be another host to whoever resolves it as a URL. */
export function requestPath() {
  const error = 'a path that begins with one "/", without spaces and "#", such as "/healthz"';
  return z
    .string({ error })
    .regex(/^\/(?!\/)[!-"$-~]*$/, { error })
    .max(LONGEST_PATH, { error });
}

const MIB_PER_UNIT: Record<string, number> = { M: 1, G: 1024 };

/** Memory in MiB; `MB` and `MiB` mean the same, as everywhere else where memory of a VM is ordered. */
export function size(least: string, most: string) {
  const error = `a size such as "512MB" or "1GB", or a whole number of MiB, from ${least} to ${most}`;
  const mebibytes = (text: string) => Number.parseFloat(text) * (MIB_PER_UNIT[unitOf(text)] ?? 1);
  const inMiB = z.int({ error }).min(mebibytes(least), { error }).max(mebibytes(most), { error });
  const written = z.string({ error }).regex(/^\d{1,6}(\.\d{1,3})?\s*[MGmg]i?[Bb]$/, { error });
  return z.union([inMiB, written.transform(mebibytes).pipe(inMiB)], { error });
}

const SECONDS_PER_UNIT: Record<string, number> = { S: 1, M: 60, H: 3600 };

/** A time in seconds. */
export function duration(least: string, most: string) {
  const error = `a time such as "30s", "5m" or "1h", or a whole number of seconds, from ${least} to ${most}`;
  const seconds = (text: string) => Number.parseInt(text, 10) * (SECONDS_PER_UNIT[unitOf(text)] ?? 1);
  const inSeconds = z.int({ error }).min(seconds(least), { error }).max(seconds(most), { error });
  const written = z.string({ error }).regex(/^\d{1,9}\s*[smhSMH]$/, { error });
  return z.union([inSeconds, written.transform(seconds).pipe(inSeconds)], { error });
}

function unitOf(text: string): string {
  return /[a-z]/i.exec(text)?.[0].toUpperCase() ?? '';
}

/** A host name as the egress proxy compares it: whole, in lower case. */
export function hostName() {
  const error = 'a host name such as "api.example.com", without scheme, port, path and "*"';
  const label = '[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
  // The last label begins with a letter: an address is no name.
  const name = new RegExp(`^(${label}\\.)*(?=[a-zA-Z])${label}$`);
  return z
    .string({ error })
    .max(253, { error })
    .regex(name, { error })
    .transform((host) => host.toLowerCase());
}
