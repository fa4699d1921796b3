import { join } from 'node:path';
import { toThawError } from '../../errors.ts';
import type { TemplateCatalogue } from '../templates/chain.ts';
import { mustBeAsTheyWere } from './disks.ts';
import type { RunningVm } from './running.ts';
import type { SleepingVm } from './sleeping.ts';
import { type StartParts, startVm } from './start.ts';

/** What waking came to. */
export interface Woken {
  vm?: RunningVm;
  /** Why it did not wake. `record.asleepSince` of the sleeper tells whether its snapshot is still good. */
  failure?: Error;
}

/**
 * Thaws a VM from its own snapshot: the same files, slot and identity. The snapshot is void from the moment that the VM
 * goes on, for its memory and disk are not those of the snapshot any more.
 */
export async function wakeVm(
  parts: StartParts,
  asleep: SleepingVm,
  catalogue: TemplateCatalogue,
  signal?: AbortSignal,
): Promise<Woken> {
  const { record, slot, directory } = asleep;
  try {
    mustBeAsTheyWere(parts.disks, record);
    const below = catalogue.disks(catalogue.usable(record.template));
    const vm = await startVm(
      parts,
      {
        ...record,
        state: asleep.state,
        kept: {
          slot,
          identity: record.identity,
          goesOn: () => {
            delete record.asleepSince;
          },
        },
        place: async () => ({
          memory: { path: join(directory, 'memory'), shared: true, readOnly: false },
          disks: [join(directory, 'disk.qcow2'), ...below],
        }),
      },
      signal,
    );
    return { vm };
  } catch (error) {
    const failure = toThawError(error);
    // What may go better another time leaves the snapshot as it is, as long as the VM never went on.
    if (failure.code !== 'no_room' && failure.code !== 'cancelled') delete record.asleepSince;
    return { failure };
  }
}
