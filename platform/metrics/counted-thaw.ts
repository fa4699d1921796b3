import type { Events, ThawEvent } from './events.ts';

/** Counts a thaw, whatever becomes of it. */
export async function countedThaw<T extends { phases: Record<string, number> }>(
  events: Pick<Events, 'thaw'>,
  start: ThawEvent['start'],
  signal: AbortSignal,
  thaw: Promise<T>,
): Promise<T> {
  try {
    const thawed = await thaw;
    events.thaw({ start, outcome: 'ready', phases: thawed.phases });
    return thawed;
  } catch (error) {
    events.thaw({ start, outcome: signal.aborted ? 'cancelled' : 'failed', phases: {} });
    throw error;
  }
}
