import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { ThawError } from '../errors.ts';
import { requireScope } from './authentication.ts';
import { received, sends, streamed } from './bytes.ts';
import { errors, WITH_KEY } from './describe.ts';
import { type Api, type ApiEnv, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { SandboxId } from './sandbox-shapes.ts';

const TAR = 'application/x-tar';
const BYTES = 'application/octet-stream';
const params = z.object({ id: SandboxId });
const path = z.string().min(1).max(4096).openapi({ example: '/app/main.py', description: 'Absolute.' });
const FAILURES = errors('not_found', 'gone', 'unprocessable', 'quota_exceeded', 'no_room');
const read = createRoute({
  method: 'get',
  path: '/v1/sandboxes/{id}/files',
  summary: 'The bytes of a file',
  security: WITH_KEY,
  request: { params, query: z.object({ path, user: z.enum(['app', 'root']).default('app') }) },
  responses: { 200: sends('the file', BYTES) as { description: string }, ...FAILURES },
});

const write = createRoute({
  method: 'put',
  path: '/v1/sandboxes/{id}/files',
  summary: 'Write a file of the user app; directories on the way are made',
  description: 'The size has to be told ahead, with `content-length`.',
  security: WITH_KEY,
  request: {
    params,
    query: z.object({
      path,
      mode: z
        .string()
        .regex(/^[0-7]{3,4}$/, 'must be octal, e.g. 755.')
        .default('644'),
    }),
  },
  responses: { 204: { description: 'written' }, ...FAILURES },
});

const pack = createRoute({
  method: 'get',
  path: '/v1/sandboxes/{id}/tree',
  summary: 'A directory as a tar',
  security: WITH_KEY,
  request: { params, query: z.object({ path }) },
  responses: { 200: sends('the tar', TAR) as { description: string }, ...FAILURES },
});

const unpack = createRoute({
  method: 'put',
  path: '/v1/sandboxes/{id}/tree',
  summary: 'Unpack a tar in a directory, which is made',
  security: WITH_KEY,
  request: { params, query: z.object({ path }) },
  responses: { 204: { description: 'unpacked' }, ...FAILURES },
});

export function sandboxFileRoutes({ sandboxes, closing }: ApiParts): Api {
  const signalOf = (c: Context<ApiEnv>, ...more: AbortSignal[]) =>
    AbortSignal.any([c.req.raw.signal, ...more, ...(closing === undefined ? [] : [closing])]);
  return newApi()
    .openapi(read, (c) => {
      requireScope(c.var.principal, 'deploy');
      const file = c.req.valid('query');
      const { id } = c.req.valid('param');
      return streamed(c, BYTES, (gone) => sandboxes.readFile(id, c.var.principal.project, file, signalOf(c, gone)));
    })
    .openapi(write, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { path: to, mode } = c.req.valid('query');
      const length = c.req.header('content-length');
      const size = length === undefined ? Number.NaN : Number(length);
      const { id } = c.req.valid('param');
      await received(c, (bytes) => {
        const file = { path: to, size, mode: Number.parseInt(mode, 8) & 0o777, bytes };
        return sandboxes.writeFile(id, c.var.principal.project, file, signalOf(c));
      });
      return c.body(null, 204);
    })
    .openapi(pack, (c) => {
      requireScope(c.var.principal, 'deploy');
      const { path: from } = c.req.valid('query');
      const { id } = c.req.valid('param');
      return streamed(c, TAR, (gone) => sandboxes.getTree(id, c.var.principal.project, from, signalOf(c, gone)));
    })
    .openapi(unpack, async (c) => {
      requireScope(c.var.principal, 'deploy');
      if (c.req.header('content-type') !== TAR) {
        throw new ThawError('invalid_input', `The body has to be a tar, sent with \`Content-Type: ${TAR}\`.`);
      }
      const { path: to } = c.req.valid('query');
      const { id } = c.req.valid('param');
      await received(c, (tar) => sandboxes.putTree(id, c.var.principal.project, { path: to, tar }, signalOf(c)));
      return c.body(null, 204);
    });
}
