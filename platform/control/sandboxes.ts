import { and, desc, eq, inArray, lte, ne, sql } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import type { Sandbox } from '../sandboxes/contract.ts';
import type { SandboxRecords } from '../sandboxes/records.ts';
import { sandboxes } from './db/sandbox-schema.ts';
import { projects } from './db/schema.ts';
import type { ControlParts } from './parts.ts';
import { projectIdOf } from './project-row.ts';

/** Sandboxes of a project that are over and still known. */
const KEPT = 1000;

type Row = typeof sandboxes.$inferSelect;

export function createSandboxes({ db, seal, log }: ControlParts): SandboxRecords {
  const query = () =>
    db
      .select({ row: sandboxes, project: projects.name })
      .from(sandboxes)
      .innerJoin(projects, eq(sandboxes.projectId, projects.id));
  const ofProject = (project: string | null) => (project === null ? undefined : eq(projects.name, project));

  /** Without the key that they were sealed with the values are lost, and the sandbox goes on without them. */
  function opened({ id, environment }: Row): Record<string, string> {
    try {
      return Object.fromEntries(
        Object.entries(environment).map(([name, value]) => [name, seal.open(value, { appId: id, name })]),
      );
    } catch (err) {
      log.error({ sandbox: id, err }, 'the environment of a sandbox is lost');
      return {};
    }
  }

  async function trim(projectId: string): Promise<string[]> {
    const over = and(eq(sandboxes.projectId, projectId), eq(sandboxes.state, 'ended'));
    const [first] = await db
      .select({ seq: sandboxes.seq })
      .from(sandboxes)
      .where(over)
      .orderBy(desc(sandboxes.seq))
      .offset(KEPT)
      .limit(1);
    if (first === undefined) return [];
    const gone = await db
      .delete(sandboxes)
      .where(and(over, lte(sandboxes.seq, first.seq)))
      .returning({ id: sandboxes.id });
    return gone.map(({ id }) => id);
  }

  return {
    async add({ project, environment, createdAt, endsAt, endedAt, ...sandbox }) {
      const sealed = Object.entries(environment).map(([name, value]) => [
        name,
        seal.seal(value, { appId: sandbox.id, name }),
      ]);
      await db.insert(sandboxes).values({
        ...sandbox,
        projectId: await projectIdOf(db, project),
        environment: Object.fromEntries(sealed),
        createdAt: new Date(createdAt),
        endsAt: endsAt === null ? null : new Date(endsAt),
        endedAt: endedAt === null ? null : new Date(endedAt),
      });
    },

    async drop(id) {
      await db.delete(sandboxes).where(eq(sandboxes.id, id));
    },

    async update(id, { endsAt, ...change }) {
      const moved = endsAt === undefined ? {} : { endsAt: endsAt === null ? null : new Date(endsAt) };
      await db
        .update(sandboxes)
        .set({ ...change, ...moved })
        .where(and(eq(sandboxes.id, id), ne(sandboxes.state, 'ended')));
    },

    async end(ids, reason, at) {
      if (ids.length === 0) return [];
      const ended = await db
        .update(sandboxes)
        .set({ state: 'ended', endReason: reason, endedAt: new Date(at), endsAt: null, environment: {} })
        .where(and(inArray(sandboxes.id, ids), ne(sandboxes.state, 'ended')))
        .returning({ projectId: sandboxes.projectId });
      const projects = [...new Set(ended.map((row) => row.projectId))];
      return (await Promise.all(projects.map(trim))).flat();
    },

    async get(id, project) {
      const [found] = await query().where(and(eq(sandboxes.id, id), ofProject(project)));
      if (found === undefined) throw noSuchSandbox(id);
      return toSandbox(found.row, found.project);
    },

    async list(project, { state, metadata, limit }) {
      const rows = await query()
        .where(
          and(
            ofProject(project),
            state === undefined ? undefined : eq(sandboxes.state, state),
            metadata === undefined ? undefined : sql`${sandboxes.metadata} @> ${JSON.stringify(metadata)}::jsonb`,
          ),
        )
        .orderBy(desc(sandboxes.seq))
        .limit(limit);
      return rows.map(({ row, project: name }) => toSandbox(row, name));
    },

    async live() {
      const rows = await query().where(ne(sandboxes.state, 'ended')).orderBy(sandboxes.seq);
      return rows.map(({ row, project }) => ({
        ...toSandbox(row, project),
        hostTemplate: row.hostTemplate,
        environment: opened(row),
      }));
    },
  };
}

/** The same for one that never was, one that is forgotten and another project's. */
function noSuchSandbox(id: string): ThawError {
  return new ThawError('not_found', `There is no sandbox ${id}.`, {
    hint: 'Those that are over are known for a while; `thaw sandbox list` shows those that are there.',
  });
}

function toSandbox(
  { seq: _, projectId: __, hostTemplate: ___, environment: ____, createdAt, endsAt, endedAt, ...row }: Row,
  project: string,
): Sandbox {
  return {
    ...row,
    project,
    createdAt: createdAt.toISOString(),
    endsAt: endsAt?.toISOString() ?? null,
    endedAt: endedAt?.toISOString() ?? null,
  };
}
