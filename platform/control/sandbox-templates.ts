import { and, desc, eq, exists, gt, inArray, isNotNull, isNull, max, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import { ThawError } from '../errors.ts';
import type { TemplateRecord, TemplateRecords } from '../sandboxes/records.ts';
import { sandboxTemplates } from './db/sandbox-schema.ts';
import { projects } from './db/schema.ts';
import type { ControlParts } from './parts.ts';
import { lockProject } from './project-row.ts';

type Row = typeof sandboxTemplates.$inferSelect;

export function createSandboxTemplates({ db, clock }: ControlParts): TemplateRecords {
  const query = () =>
    db
      .select({ row: sandboxTemplates, project: projects.name })
      .from(sandboxTemplates)
      .innerJoin(projects, eq(sandboxTemplates.projectId, projects.id));

  return {
    add({ project, ...template }) {
      return db.transaction(async (tx) => {
        // Locked: two at once get two versions.
        const { id: projectId } = await lockProject(tx, project);
        const { name } = template;
        const [last] = await tx
          .select({ version: max(sandboxTemplates.version) })
          .from(sandboxTemplates)
          .where(and(eq(sandboxTemplates.projectId, projectId), eq(sandboxTemplates.name, name)));
        const [row] = await tx
          .insert(sandboxTemplates)
          .values({ ...template, projectId, version: (last?.version ?? 0) + 1, createdAt: clock() })
          .returning();
        if (row === undefined) throw new Error('an insert returned nothing');
        return toRecord(row, project);
      });
    },

    async list(project) {
      const rows = await query()
        .where(and(isNull(sandboxTemplates.removedAt), project === null ? undefined : eq(projects.name, project)))
        .orderBy(desc(sandboxTemplates.seq));
      return rows.map(({ row, project: name }) => toRecord(row, name));
    },

    async all() {
      return (await query()).map(({ row, project }) => toRecord(row, project));
    },

    async remove(project, name, version) {
      const there = await query().where(
        and(
          eq(projects.name, project),
          eq(sandboxTemplates.name, name),
          isNull(sandboxTemplates.removedAt),
          version === undefined ? undefined : eq(sandboxTemplates.version, version),
        ),
      );
      if (there.length === 0) {
        throw new ThawError('not_found', `There is no template ${name}${version === undefined ? '' : `:${version}`}.`, {
          hint: '`thaw template list` shows those that there are.',
        });
      }
      const ids = there.map(({ row }) => row.hostTemplate);
      await db.update(sandboxTemplates).set({ removedAt: clock() }).where(inArray(sandboxTemplates.hostTemplate, ids));
      return there.map(({ row }) => ({ ...toRecord(row, project), removed: true }));
    },

    async forget(hostTemplates) {
      if (hostTemplates.length === 0) return;
      const later = alias(sandboxTemplates, 'later');
      const { hostTemplate, projectId, name, version, removedAt } = sandboxTemplates;
      // The last version stays known, so that its number is not given again.
      const isNotLast = exists(
        db
          .select({ one: sql`1` })
          .from(later)
          .where(and(eq(later.projectId, projectId), eq(later.name, name), gt(later.version, version))),
      );
      await db
        .delete(sandboxTemplates)
        .where(and(inArray(hostTemplate, hostTemplates), isNotNull(removedAt), isNotLast));
    },
  };
}

function toRecord({ seq: _, projectId: __, removedAt, createdAt, ...row }: Row, project: string): TemplateRecord {
  return { ...row, project, createdAt: createdAt.toISOString(), removed: removedAt !== null };
}
