/** One measured figure and what it should be. */
export interface Figure {
  /** Part of the benchmark it belongs to. */
  part: string;
  name: string;
  value: number;
  unit: 'ms' | 'x' | 'MiB' | '';
  /** Largest value that meets the target; without this and `atLeast` it is told for information. */
  atMost?: number;
  /** Smallest value that meets the target; absent = there is none. */
  atLeast?: number;
}

/** What a series of durations comes to; all in milliseconds. */
export interface Spread {
  n: number;
  p50: number;
  p99: number;
  min: number;
  max: number;
}

/** Percentiles by nearest rank: each is a value that was measured. */
export function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { n: sorted.length, p50: rank(0.5), p99: rank(0.99), min: rank(0), max: rank(1) };
}

export function median(values: number[]): number {
  return spread(values).p50;
}

/** True or false for a figure with a target, undefined for one without. */
export function isMet({ value, atMost, atLeast }: Figure): boolean | undefined {
  if (atMost !== undefined) return value <= atMost;
  return atLeast === undefined ? undefined : value >= atLeast;
}

/** Median of each phase over several answers; a phase that one lacks counts there as 0. */
export function medianPhases(all: Record<string, number>[]): Record<string, number> {
  const names = new Set(all.flatMap((phases) => Object.keys(phases)));
  return Object.fromEntries([...names].map((name) => [name, median(all.map((phases) => phases[name] ?? 0))]));
}
