import { createRoute, z } from '@hono/zod-openapi';
import { DEFAULT_PROJECT } from '../control/projects.ts';
import { projectFor, requireAdmin, requireScope } from './authentication.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { KeyShape, ProjectName, ScopeShape } from './shapes.ts';

const list = createRoute({
  method: 'get',
  path: '/v1/keys',
  summary: 'The keys of the project; all of them for an admin',
  security: WITH_KEY,
  responses: { 200: answers('the keys', z.object({ keys: z.array(KeyShape) })), ...errors() },
});

const create = createRoute({
  method: 'post',
  path: '/v1/keys',
  summary: 'Make a key; its secret is told this once',
  security: WITH_KEY,
  request: {
    body: takes(
      z.object({
        name: z.string().min(1).max(100),
        project: ProjectName.nullable().optional().openapi({
          description: 'Default: that of the asking key, `default` for an admin. Null makes an admin key.',
        }),
        scopes: z.array(ScopeShape).min(1).optional().openapi({ description: 'Default: those of the asking key.' }),
      }),
    ),
  },
  responses: {
    201: answers('the key', z.object({ key: KeyShape, secret: z.string() })),
    ...errors('not_found', 'too_large'),
  },
});

const revoke = createRoute({
  method: 'delete',
  path: '/v1/keys/{id}',
  summary: 'End a key at once',
  security: WITH_KEY,
  request: { params: z.object({ id: z.string().max(64) }) },
  responses: { 204: { description: 'revoked' }, ...errors('not_found') },
});

export function keyRoutes({ control }: ApiParts): Api {
  return newApi()
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'manage');
      return c.json({ keys: await control.keys.list(c.var.principal.project) }, 200);
    })
    .openapi(create, async (c) => {
      const { principal } = c.var;
      const { name, project: named, scopes = principal.scopes } = c.req.valid('json');
      requireScope(principal, 'manage');
      if (named === null) requireAdmin(principal);
      // A key gives nobody more than its maker has.
      for (const scope of scopes) requireScope(principal, scope);
      const project = named === null ? null : projectFor(principal, named, DEFAULT_PROJECT);
      return c.json(await control.keys.create({ name, project, scopes }), 201);
    })
    .openapi(revoke, async (c) => {
      requireScope(c.var.principal, 'manage');
      await control.keys.revoke(c.req.valid('param').id, c.var.principal.project);
      return c.body(null, 204);
    });
}
