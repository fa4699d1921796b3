import type { Control } from '../platform/control/contract.ts';
import type { Host } from '../platform/host/contract.ts';
import type { BuildCache } from './build-cache.ts';
import type { Repositories } from './git/repositories.ts';

/** What is looked at. */
export interface DiskParts {
  control: Pick<Control, 'apps' | 'deployments' | 'artifacts'>;
  host: Pick<Host, 'templates'>;
  cache: Pick<BuildCache, 'list'>;
  repositories: Pick<Repositories, 'bytes'>;
}

/**
 * Bytes that a project takes: its apps' repositories, artifacts and templates, and the installs that are kept for its
 * builds. Logs have a bound of their own.
 */
export async function diskUse({ control, host, cache, repositories }: DiskParts, project: string): Promise<number> {
  const apps = await control.apps.list(project);
  const deployments = (await Promise.all(apps.map(({ name }) => control.deployments.list(name)))).flat();
  // Deployments of one commit may share a template: it is counted once.
  const templates = new Set(deployments.flatMap(({ template }) => template ?? []));
  const sizes = await Promise.all([
    ...apps.map(({ id }) => repositories.bytes(id)),
    ...deployments.map(({ id }) => control.artifacts.size(id)),
  ]);
  for (const { id, sizeBytes } of await host.templates()) if (templates.has(id)) sizes.push(sizeBytes);
  for (const { sizeBytes } of await cache.list(project)) sizes.push(sizeBytes);
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
