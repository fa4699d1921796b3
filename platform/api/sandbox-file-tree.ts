import { createRoute, z } from '@hono/zod-openapi';
import { requireScope } from './authentication.ts';
import { begun } from './begun.ts';
import { answers, errors, streams, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import { ndjson } from './ndjson.ts';
import type { ApiParts } from './parts.ts';
import { SandboxId } from './sandbox-shapes.ts';
import { ChangeShape, EntryShape, Path, User } from './sandbox-work-shapes.ts';
import { whileWanted } from './wanted.ts';

const DEEPEST = 64;
const params = z.object({ id: SandboxId });
const FAILURES = errors('not_found', 'gone', 'conflict', 'unprocessable', 'quota_exceeded', 'no_room', 'too_large');
const PATH = '/v1/sandboxes/{id}/files';

const stat = createRoute({
  method: 'get',
  path: `${PATH}/stat`,
  summary: 'What is at a path',
  security: WITH_KEY,
  request: { params, query: z.object({ path: Path }) },
  responses: { 200: answers('the entry', EntryShape), ...FAILURES },
});

const list = createRoute({
  method: 'get',
  path: `${PATH}/list`,
  summary: 'What is in a directory, by name, each directory before what is in it',
  security: WITH_KEY,
  request: {
    params,
    query: z.object({
      path: Path,
      depth: z.coerce
        .number()
        .int()
        .min(1)
        .max(DEEPEST)
        .default(1)
        .openapi({ description: 'Of directories below; 1 is the directory’s own entries.' }),
    }),
  },
  responses: { 200: answers('the entries', z.object({ entries: z.array(EntryShape) })), ...FAILURES },
});

const make = createRoute({
  method: 'post',
  path: `${PATH}/directories`,
  summary: 'Make a directory, and those above it',
  security: WITH_KEY,
  request: { params, body: takes(z.strictObject({ path: Path, user: User })) },
  responses: { 201: answers('the directory', EntryShape), ...FAILURES },
});

const move = createRoute({
  method: 'post',
  path: `${PATH}/move`,
  summary: 'Move a file or a directory; directories above the new path are made',
  security: WITH_KEY,
  request: { params, body: takes(z.strictObject({ from: Path, to: Path, user: User })) },
  responses: { 200: answers('what was moved', EntryShape), ...FAILURES },
});

const remove = createRoute({
  method: 'delete',
  path: PATH,
  summary: 'Remove a file, or a directory with all that is in it',
  security: WITH_KEY,
  request: { params, query: z.object({ path: Path }) },
  responses: { 204: { description: 'removed' }, ...FAILURES },
});

const watch = createRoute({
  method: 'get',
  path: `${PATH}/watch`,
  summary: 'What happens in a directory, from the line `watching` on',
  security: WITH_KEY,
  request: { params, query: z.object({ path: Path, recursive: z.enum(['true', 'false']).default('false') }) },
  responses: { 200: streams('the changes', ChangeShape), ...FAILURES },
});

export function sandboxFileTreeRoutes({ sandboxes: { files }, log, closing }: ApiParts): Api {
  return newApi()
    .openapi(stat, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id } = c.req.valid('param');
      const { path } = c.req.valid('query');
      return c.json(await files.stat(id, c.var.principal.project, path, whileWanted(c, closing)), 200);
    })
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id } = c.req.valid('param');
      const which = c.req.valid('query');
      return c.json({ entries: await files.list(id, c.var.principal.project, which, whileWanted(c, closing)) }, 200);
    })
    .openapi(make, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id } = c.req.valid('param');
      const which = c.req.valid('json');
      return c.json(await files.makeDirectory(id, c.var.principal.project, which, whileWanted(c, closing)), 201);
    })
    .openapi(move, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id } = c.req.valid('param');
      const moved = c.req.valid('json');
      return c.json(await files.move(id, c.var.principal.project, moved, whileWanted(c, closing)), 200);
    })
    .openapi(remove, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id } = c.req.valid('param');
      const { path } = c.req.valid('query');
      await files.remove(id, c.var.principal.project, path, whileWanted(c, closing));
      return c.body(null, 204);
    })
    .openapi(watch, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id } = c.req.valid('param');
      const { path, recursive } = c.req.valid('query');
      const { project } = c.var.principal;
      const produce = await begun(whileWanted(c, closing), (until) =>
        files.watch(id, project, { path, recursive: recursive === 'true' }, until),
      );
      return ndjson(c, { log, closing, produce, failed: (error) => ({ type: 'failed', ...error.toBody() }) });
    });
}
