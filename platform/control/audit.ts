import { and, desc, eq, inArray, isNull, lte } from 'drizzle-orm';
import type { Audit, AuditEntry } from './contract.ts';
import { audit, projects } from './db/schema.ts';
import type { ControlParts } from './parts.ts';

/** Entries that are kept of each project, and of admin keys. */
const KEPT = 10_000;
/** Entries wait this long for others, to be written together. */
const GATHER_MS = 200;
/** The bound is looked at once for so many entries. */
const TRIM_EVERY = 500;

/** The audit log, and the wait for what is not written yet. */
export function createAudit({ db, log }: ControlParts): Audit & AsyncDisposable {
  let gathered: AuditEntry[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();
  let untrimmed = TRIM_EVERY;

  async function idsOf(names: (string | null)[]): Promise<Map<string, string>> {
    const named = names.filter((name) => name !== null);
    if (named.length === 0) return new Map();
    const rows = await db
      .select({ id: projects.id, name: projects.name })
      .from(projects)
      .where(inArray(projects.name, named));
    return new Map(rows.map(({ id, name }) => [name, id]));
  }

  async function write(entries: AuditEntry[]): Promise<void> {
    const ids = await idsOf([...new Set(entries.map(({ project }) => project))]);
    const rows = entries.map(({ at, key, project, ...entry }) => {
      return {
        ...entry,
        keyId: key,
        at: new Date(at),
        projectId: project === null ? null : (ids.get(project) ?? null),
      };
    });
    await db.insert(audit).values(rows);
    untrimmed += rows.length;
    if (untrimmed < TRIM_EVERY) return;
    untrimmed = 0;
    for (const projectId of new Set(rows.map((row) => row.projectId))) await trim(projectId);
  }

  async function trim(projectId: string | null): Promise<void> {
    const own = projectId === null ? isNull(audit.projectId) : eq(audit.projectId, projectId);
    const [first] = await db
      .select({ seq: audit.seq })
      .from(audit)
      .where(own)
      .orderBy(desc(audit.seq))
      .offset(KEPT)
      .limit(1);
    if (first !== undefined) await db.delete(audit).where(and(own, lte(audit.seq, first.seq)));
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const entries = gathered;
    gathered = [];
    if (entries.length > 0) {
      writing = writing
        .then(() => write(entries))
        .catch((err: unknown) => log.error({ err, entries: entries.length }, 'the audit log could not be written'));
    }
    return writing;
  }

  return {
    record(entry) {
      gathered.push(entry);
      timer ??= setTimeout(() => void flush(), GATHER_MS);
    },

    async list(project, limit) {
      await flush();
      const rows = await db
        .select({ row: audit, project: projects.name })
        .from(audit)
        .leftJoin(projects, eq(audit.projectId, projects.id))
        .where(project === null ? undefined : eq(projects.name, project))
        .orderBy(desc(audit.seq))
        .limit(limit);
      return rows.map(({ row: { seq: _, projectId: __, keyId, at, ...row }, project: name }) => ({
        ...row,
        key: keyId,
        project: name,
        at: at.toISOString(),
      }));
    },

    [Symbol.asyncDispose]: flush,
  };
}
