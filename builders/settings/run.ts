import type { CronSpec, Scaling } from '../../platform/control/contract.ts';
import type { Egress } from '../../platform/host/contract.ts';
import type { Settings } from './schema.ts';

/** How the control plane keeps what the settings say about running. */
export interface Running {
  scaling: Scaling;
  crons: CronSpec[];
}

/** What the settings say about the VM; absent = the default of the kind of source. */
export interface Machine {
  port?: number;
  health?: string;
  egress?: Egress;
  /** Share of processor cores. */
  cpus?: number;
  /** Whole processors that the guest sees. */
  vcpus?: number;
  memoryMiB?: number;
}

/** Settings as the control plane has them. What the author left out stays out: the operator's defaults hold. */
export function runningOf(settings: Settings): Running {
  const { min_instances, max_instances, concurrency, idle_timeout, sleep, crons = [] } = settings;
  const scaling = stated<Scaling>({
    minInstances: min_instances,
    maxInstances: max_instances,
    softLimit: concurrency?.soft_limit ?? concurrency?.hard_limit,
    hardLimit: concurrency?.hard_limit,
    idleMs: idle_timeout === undefined ? undefined : idle_timeout * 1000,
    sleep,
  });
  return { scaling, crons: crons.map((cron) => ({ ...cron })) };
}

/** Settings as a `RunSpec` needs them. */
export function machineOf({ port, health, egress, cpus, memory }: Settings): Machine {
  return stated<Machine>({
    port,
    health,
    egress: egress === undefined ? undefined : egressOf(egress),
    cpus,
    vcpus: cpus === undefined ? undefined : Math.ceil(cpus),
    memoryMiB: memory,
  });
}

function egressOf(egress: NonNullable<Settings['egress']>): Egress {
  if (egress === 'open') return { mode: 'public' };
  if (egress === 'none') return { mode: 'none' };
  return { mode: 'hosts', hosts: [...new Set(egress)] };
}

/** Without what is undefined, which would be written into the database as such. */
function stated<T extends object>(values: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
