import type { Host } from '../host/contract.ts';

/** Role of VMs and disks that belong to no database and go again: in the making of a template, and for the test of a restore. */
export const SCRATCH_ROLE = 'database-scratch';
/** Postgres' server processes and the pool are each a task. */
export const TASKS_MOST = 2048;

/** Removes what a server that has ended left of them. */
export async function sweepScratch(host: Host): Promise<void> {
  for (const { id, labels } of host.list()) if (labels.role === SCRATCH_ROLE) await host.end(id);
  for (const { id, labels } of await host.disks()) if (labels.role === SCRATCH_ROLE) await host.removeDisk(id);
}
