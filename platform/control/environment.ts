import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { appRowOf, noSuchApp } from './apps.ts';
import { type Control, type EnvironmentTarget, PRODUCTION_BRANCH } from './contract.ts';
import type { Database } from './db/open.ts';
import { apps, environment } from './db/schema.ts';
import { requireEnvironment, requireTotal } from './environment-rules.ts';
import { requireBranch } from './names.ts';
import type { ControlParts } from './parts.ts';
import type { Seal } from './sealed.ts';

const BRANCH = 'branch:';

export function createEnvironment({ db, clock, seal }: ControlParts): Control['environment'] {
  async function values(app: string, target: EnvironmentTarget): Promise<Record<string, string>> {
    if (typeof target === 'object') requireBranch(target.branch);
    const { id } = await appRowOf(db, app);
    return unseal(seal, id, await sealedValues(db, id, target));
  }

  return {
    async change(app, target, changes) {
      if (typeof target === 'object') requireBranch(target.branch);
      requireEnvironment(changes);
      const key = targetKey(target);
      const updatedAt = clock();
      await db.transaction(async (tx) => {
        // The app's row is locked, so that two changes at once cannot pass the limit together.
        const [row] = await tx.select({ id: apps.id }).from(apps).where(eq(apps.name, app)).for('no key update');
        if (row === undefined) throw noSuchApp(app);
        const appId = row.id;
        const removed = Object.keys(changes).filter((name) => changes[name] === null);
        const set = Object.entries(changes).flatMap(([name, value]) =>
          value === null
            ? []
            : {
                appId,
                target: key,
                name,
                value: seal.seal(value, { appId, name }),
                bytes: name.length + Buffer.byteLength(value),
                updatedAt,
              },
        );
        const mine = and(eq(environment.appId, appId), eq(environment.target, key));
        if (removed.length > 0) await tx.delete(environment).where(and(mine, inArray(environment.name, removed)));
        if (set.length > 0) {
          await tx
            .insert(environment)
            .values(set)
            .onConflictDoUpdate({
              target: [environment.appId, environment.target, environment.name],
              set: { value: sql`excluded.value`, bytes: sql`excluded.bytes`, updatedAt },
            });
        }
        const [total] = await tx
          .select({
            count: sql<number>`count(*)`.mapWith(Number),
            bytes: sql<number>`coalesce(sum(${environment.bytes}), 0)`.mapWith(Number),
          })
          .from(environment)
          .where(eq(environment.appId, appId));
        if (total !== undefined) requireTotal(total);
      });
    },

    async list(app) {
      const { id } = await appRowOf(db, app);
      const rows = await db
        .select({ name: environment.name, target: environment.target, updatedAt: environment.updatedAt })
        .from(environment)
        .where(eq(environment.appId, id))
        .orderBy(asc(environment.name), asc(environment.target));
      return rows.map(({ name, target, updatedAt }) => ({
        name,
        target: targetOf(target),
        updatedAt: updatedAt.toISOString(),
      }));
    },

    values,
    of: (app, branch) => values(app, { branch }),
  };
}

/** The values that a deployment for a target gets, by name, as they are kept; those of the branch itself win. */
export async function sealedValues(
  db: Database,
  appId: string,
  target: EnvironmentTarget,
): Promise<Record<string, string>> {
  const layers = layersOf(target);
  const rows = await db
    .select({ name: environment.name, target: environment.target, value: environment.value })
    .from(environment)
    .where(and(eq(environment.appId, appId), inArray(environment.target, layers)))
    .orderBy(asc(environment.name));
  const inOrder = layers.flatMap((layer) => rows.filter((row) => row.target === layer));
  return Object.fromEntries(inOrder.map(({ name, value }) => [name, value]));
}

/** Sealed values of an app in the clear. @throws ThawError `misconfigured` */
export function unseal(seal: Seal, appId: string, sealed: Record<string, string>): Record<string, string> {
  const entries = Object.entries(sealed).map(([name, value]) => [name, seal.open(value, { appId, name })]);
  return Object.fromEntries(entries);
}

/** From the weakest to the strongest. */
function layersOf(target: EnvironmentTarget): string[] {
  if (target === 'preview') return ['preview'];
  const branch = target === 'production' ? PRODUCTION_BRANCH : target.branch;
  return [branch === PRODUCTION_BRANCH ? 'production' : 'preview', targetKey({ branch })];
}

function targetKey(target: EnvironmentTarget): string {
  return typeof target === 'string' ? target : BRANCH + target.branch;
}

function targetOf(key: string): EnvironmentTarget {
  return key.startsWith(BRANCH) ? { branch: key.slice(BRANCH.length) } : (key as 'production' | 'preview');
}
