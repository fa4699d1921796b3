import { type LimitName, ThawError } from '../errors.ts';
import type { ProjectLimits } from './contract.ts';

/** What holds until an admin sets something: nothing is limited. */
const NO_LIMITS: ProjectLimits = {
  apps: null,
  instances: null,
  memoryMiB: null,
  cpus: null,
  buildMinutes: null,
  diskMiB: null,
  volumes: null,
  volumeMiB: null,
  databases: null,
  databaseMiB: null,
  databaseMemoryMiB: null,
  requestsPerSecond: null,
};

/** How each limit is told: what there is too much of, and its name in headers. */
const TOLD = {
  apps: { of: 'apps', name: 'apps' },
  buildMinutes: { of: 'minutes of building a day', name: 'build-minutes' },
  diskMiB: { of: 'MiB on disk', name: 'disk' },
  volumes: { of: 'volumes', name: 'volumes' },
  volumeMiB: { of: 'MiB of volumes', name: 'volumes' },
  databases: { of: 'databases', name: 'databases' },
  databaseMiB: { of: 'MiB of disks of databases', name: 'databases' },
} as const satisfies Partial<Record<keyof ProjectLimits, { of: string; name: LimitName }>>;

/** The limits of a project, of those that were set for it. */
export function withDefaults(set: Partial<ProjectLimits>): ProjectLimits {
  return { ...NO_LIMITS, ...set };
}

/** The refusal of what would go past a limit. */
export function quotaExceeded(project: string, limit: keyof typeof TOLD, value: number): ThawError {
  const { of, name } = TOLD[limit];
  return new ThawError('quota_exceeded', `Project ${project} is at its limit of ${value} ${of}.`, {
    hint: `Its limit ${limit} is ${value}; an admin can change it with \`thaw projects limits ${project} --set ${limit}=...\`.`,
    limit: name,
  });
}
