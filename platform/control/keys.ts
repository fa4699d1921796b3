import { createHash } from 'node:crypto';
import { and, asc, eq, isNull, lt, or, type SQL } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import type { Control, KeyInfo, Scope } from './contract.ts';
import { keys, projects } from './db/schema.ts';
import { newId, newSecret } from './ids.ts';
import { requireKeyName } from './names.ts';
import type { ControlParts } from './parts.ts';
import { projectIdOf } from './project-row.ts';

/** `lastUsedAt` is at most this old for a key in use: writing it on each request would make every read a write. */
const USE_NOTED_EVERY_MS = 60_000;
const SECRET = /^thw_[0-9A-Za-z]{40}$/;
/** `thw_` and eight more: enough to recognise a key, of no help in guessing it. */
const PREFIX_LENGTH = 12;

/** From the least to the most; each holds those before it. */
const SCOPES: readonly Scope[] = ['read', 'deploy', 'manage'];

/** The nouns' part of the contract, and the wait for what goes on behind it. */
export type Keys = Control['keys'] & AsyncDisposable;

export function createKeys({ db, log, clock, random }: ControlParts): Keys {
  const noting = new Map<string, Promise<void>>();

  /** Beside the request, never in its way. */
  function noteUse(id: string, lastUsedAt: Date | null): void {
    const now = clock();
    const before = new Date(now.getTime() - USE_NOTED_EVERY_MS);
    if (noting.has(id) || (lastUsedAt !== null && lastUsedAt > before)) return;
    const isDue = or(isNull(keys.lastUsedAt), lt(keys.lastUsedAt, before));
    const update = db
      .update(keys)
      .set({ lastUsedAt: now })
      .where(and(eq(keys.id, id), isDue));
    const done = update.then(
      () => {},
      (error: unknown) => log.warn({ err: error, key: id }, 'use of a key not noted'),
    );
    noting.set(
      id,
      done.finally(() => noting.delete(id)),
    );
  }

  return {
    async create({ name, project, scopes }) {
      requireKeyName(name);
      const secret = newSecret(random);
      const row = {
        id: newId(random, 'k', 12),
        projectId: project === null ? null : await projectIdOf(db, project),
        name,
        // An admin key may do everything in every project: it has every scope.
        scopes: project === null ? [...SCOPES] : implied(scopes),
        prefix: secret.slice(0, PREFIX_LENGTH),
        hash: hashOf(secret),
        createdAt: clock(),
      };
      await db.insert(keys).values(row);
      return { key: toKey({ ...row, lastUsedAt: null, revokedAt: null }, project), secret };
    },

    async list(project) {
      const query = db.select().from(keys).leftJoin(projects, eq(keys.projectId, projects.id)).$dynamic();
      const rows = await (project === null ? query : query.where(eq(projects.name, project))).orderBy(asc(keys.seq));
      return rows.map((row) => toKey(row.keys, row.projects?.name ?? null));
    },

    async revoke(id, project) {
      const mine: SQL | undefined =
        project === null ? eq(keys.id, id) : and(eq(keys.id, id), eq(keys.projectId, await projectIdOf(db, project)));
      const revoked = await db
        .update(keys)
        .set({ revokedAt: clock() })
        .where(and(mine, isNull(keys.revokedAt)))
        .returning({ id: keys.id });
      if (revoked.length === 0) throw new ThawError('not_found', 'There is no such key, or it is revoked already.');
    },

    async authenticate(secret) {
      if (!SECRET.test(secret)) throw refused();
      const [row] = await db
        .select({
          id: keys.id,
          scopes: keys.scopes,
          project: projects.name,
          lastUsedAt: keys.lastUsedAt,
          revokedAt: keys.revokedAt,
        })
        .from(keys)
        .leftJoin(projects, eq(keys.projectId, projects.id))
        .where(eq(keys.hash, hashOf(secret)));
      if (row === undefined || row.revokedAt !== null) throw refused();
      noteUse(row.id, row.lastUsedAt);
      return { keyId: row.id, project: row.project, scopes: row.scopes };
    },

    async [Symbol.asyncDispose]() {
      await Promise.all(noting.values());
    },
  };
}

/** The same answer for a key that never was and one that was revoked. */
function refused(): ThawError {
  return new ThawError('unauthenticated', 'This key is not valid.', {
    hint: 'Send a key of this server that is not revoked as `Authorization: Bearer thw_...`.',
  });
}

function implied(scopes: readonly Scope[]): Scope[] {
  const most = Math.max(...scopes.map((scope) => SCOPES.indexOf(scope)));
  if (most < 0) throw new ThawError('invalid_input', 'A key needs a scope.', { hint: 'Name read, deploy or manage.' });
  return SCOPES.slice(0, most + 1);
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

type KeyRow = Omit<typeof keys.$inferSelect, 'seq' | 'hash' | 'projectId'>;

function toKey(row: KeyRow, project: string | null): KeyInfo {
  return {
    id: row.id,
    name: row.name,
    project,
    scopes: row.scopes,
    prefix: row.prefix,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}
