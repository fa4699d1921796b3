/** How the tests of one file, or of one Go module, went. */
export interface Outcome {
  name: string;
  room: string;
  passed: number;
  failed: number;
  skipped: number;
  ms: number;
  /** The failures in full, and what was written meanwhile. */
  said: string;
}

/** Sums of all that is of one room. */
export type Tally = Omit<Outcome, 'name' | 'said'>;

/** Sums up by room, in the order in which rooms first come. */
export function tally(outcomes: readonly Outcome[]): Tally[] {
  const rooms = new Map<string, Tally>();
  for (const { room, passed, failed, skipped, ms } of outcomes) {
    const sum = rooms.get(room) ?? { room, passed: 0, failed: 0, skipped: 0, ms: 0 };
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
    sum.ms += ms;
    rooms.set(room, sum);
  }
  return [...rooms.values()];
}
