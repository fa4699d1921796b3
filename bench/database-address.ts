import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../platform/errors.ts';
import { slotAddress } from '../platform/host/network/addresses.ts';
import { readRecord } from '../platform/host/vms/record.ts';

/**
 * Where this machine reaches the VM of a database.
 *
 * @param data the server's data directory
 * @param database its id
 */
export async function addressOf(data: string, database: string): Promise<string> {
  for (const vm of await readdir(join(data, 'vms'))) {
    const record = await readRecord(join(data, 'vms', vm));
    if (record?.labels.database === database) return slotAddress(record.slot.index);
  }
  throw new ThawError('internal', 'The database has no VM.');
}
