import { and, asc, eq } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import { appRowOf, noSuchApp } from './apps.ts';
import type { Control, Domain } from './contract.ts';
import { domains } from './db/schema.ts';
import { violated } from './db/violation.ts';
import { normalHost, requireOutside } from './hosts.ts';
import type { ControlParts } from './parts.ts';

/** @param platform the domain that the platform's own host names lie below */
export function createDomains({ db, clock, routesChanged }: ControlParts, platform: string): Control['domains'] {
  return {
    async list(app) {
      const { id } = await appRowOf(db, app);
      const rows = await db.select().from(domains).where(eq(domains.appId, id)).orderBy(asc(domains.host));
      return rows.map((row) => toDomain(row, app));
    },

    async add(app, given) {
      const host = normalHost(given);
      requireOutside(host, platform);
      const { id: appId } = await appRowOf(db, app);
      const row = { appId, host, createdAt: clock() };
      try {
        await db.insert(domains).values(row);
      } catch (error) {
        const constraint = violated(error);
        if (constraint === 'domains_app_id_apps_id_fk') throw noSuchApp(app);
        if (constraint !== 'domains_host') throw error;
        const mine = (await db.select().from(domains).where(eq(domains.host, host)))[0]?.appId === appId;
        // Whose it is, is not told: it may be of another project.
        throw new ThawError('conflict', mine ? `${app} has ${host} already.` : `${host} belongs to another app.`, {
          hint: mine ? 'There is nothing to do.' : 'Remove it there first.',
          cause: error,
        });
      }
      routesChanged();
      return toDomain(row, app);
    },

    async remove(app, given) {
      const host = normalHost(given);
      const { id } = await appRowOf(db, app);
      const removed = await db
        .delete(domains)
        .where(and(eq(domains.appId, id), eq(domains.host, host)))
        .returning({ host: domains.host });
      if (removed.length === 0) {
        throw new ThawError('not_found', `${app} has no domain ${host}.`, {
          hint: `See \`thaw domains list ${app}\` for those it has.`,
        });
      }
      routesChanged();
    },
  };
}

function toDomain({ host, createdAt }: { host: string; createdAt: Date }, app: string): Domain {
  return { host, app, createdAt: createdAt.toISOString() };
}
