/** Bytes of output at which a tool is ended: more is a mistake, and nobody reads it. */
export const MOST_OUTPUT = 16 * 1024 * 1024;

export const TOO_MUCH_OUTPUT = `The build wrote more than ${MOST_OUTPUT / 1024 ** 2} MiB of output.`;
const OUT_OF_MEMORY = 'The build ran out of memory.';
const TOO_MANY_PROCESSES = 'The build started more processes than it may.';

/** What tools, and Node here, say when a limit of the build VM stops them. */
const LIMITS: [pattern: RegExp, message: string][] = [
  [/ENOSPC|No space left on device/i, 'The build filled its disk.'],
  [
    /\bEAGAIN\b|Resource temporarily unavailable|Cannot fork|can't start new thread|unable to create native thread/i,
    TOO_MANY_PROCESSES,
  ],
  [
    /JavaScript heap out of memory|MemoryError|Cannot allocate memory|\bENOMEM\b|\bsignal:? (SIGKILL|killed)\b|^Killed\b/,
    OUT_OF_MEMORY,
  ],
];
/** How a shell tells that the kernel ended its program: 128 and SIGKILL. */
const KILLED = 137;

/** The limit that some words tell of; undefined when they tell of none. */
export function limitIn(words: readonly string[]): string | undefined {
  return LIMITS.find(([pattern]) => words.some((text) => pattern.test(text)))?.[1];
}

/** The limit that ended a tool. Nothing here kills a tool that is still waited for, so it was the kernel, for memory. */
export function limitOf(code: number | null, signal: string | null, tail: readonly string[]): string | undefined {
  return limitIn(tail) ?? (signal === 'SIGKILL' || code === KILLED ? OUT_OF_MEMORY : undefined);
}
