import { ThawError } from '../../errors.ts';
import type { VmRecord } from './record.ts';

/**
 * Only what has memory of its own can be saved whole: that of a clone is its template's, and its changes are nowhere else.
 *
 * @param act what it was to do, e.g. `sleep`
 * @throws ThawError `conflict`
 */
export function requireOwnMemory({ memory }: Pick<VmRecord, 'memory'>, act: string): void {
  if (memory === 'own') return;
  throw new ThawError('conflict', `Only a VM with memory of its own can ${act}.`, {
    hint: 'Thaw it with memory "own".',
  });
}
