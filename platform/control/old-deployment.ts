import { and, eq, inArray } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import type { DeploymentStatus } from './contract.ts';
import type { Database } from './db/open.ts';
import { branches, deployments } from './db/schema.ts';

export function noSuchDeployment(id: string): ThawError {
  return new ThawError('not_found', `There is no deployment ${id}.`);
}

/**
 * A deployment that is in front of no branch, and comes in front of none until the transaction ends.
 *
 * @throws ThawError `not_found`, or `conflict` when it is in front of one
 */
export async function lockOld(
  tx: Database,
  id: string,
): Promise<{ status: DeploymentStatus; template: string | null }> {
  // A release that is being made holds this row. The look at the branches has to be a statement of its own, after the
  // wait: one that began before would not see what that release has written.
  const [row] = await tx
    .select({ status: deployments.status, template: deployments.template })
    .from(deployments)
    .where(eq(deployments.id, id))
    .for('update');
  if (row === undefined) throw noSuchDeployment(id);
  const [front] = await tx.select({ name: branches.name }).from(branches).where(eq(branches.deploymentId, id));
  if (front === undefined) return row;
  throw new ThawError('conflict', `Deployment ${id} is in front of ${front.name}.`, {
    hint: 'Release another one there first.',
  });
}

/** Of templates that a deployment let go of, those that no ready deployment needs. */
export async function unneeded(tx: Database, templates: (string | null)[]): Promise<string[]> {
  const given = new Set(templates.filter((template) => template !== null));
  const needed = await tx
    .selectDistinct({ template: deployments.template })
    .from(deployments)
    .where(and(inArray(deployments.template, [...given]), eq(deployments.status, 'ready')));
  for (const { template } of needed) if (template !== null) given.delete(template);
  return [...given];
}
