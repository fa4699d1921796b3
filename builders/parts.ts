import type { Turns } from '../platform/turns.ts';
import type { AppLock } from './app-lock.ts';
import type { BuildCache } from './build-cache.ts';
import type { BuildParts } from './contract.ts';
import type { PreparedTemplates } from './prepared.ts';

/** What every step of a deployment works with. */
export interface PipelineParts extends BuildParts {
  prepared: PreparedTemplates;
  cache: BuildCache;
  /** One deployment at a time for each app. */
  lock: AppLock;
  /** Bounds the builds that run at once. */
  queue: Turns;
  /** Bytes that a project takes on disk. */
  diskUse(project: string): Promise<number>;
}
