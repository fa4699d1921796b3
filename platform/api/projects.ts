import { createRoute, z } from '@hono/zod-openapi';
import { requireAdmin, requireScope } from './authentication.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { ProjectName, ProjectShape } from './shapes.ts';

const list = createRoute({
  method: 'get',
  path: '/v1/projects',
  summary: 'The projects that the key may see',
  security: WITH_KEY,
  responses: { 200: answers('the projects', z.object({ projects: z.array(ProjectShape) })), ...errors() },
});

const create = createRoute({
  method: 'post',
  path: '/v1/projects',
  summary: 'Make a project (admin)',
  security: WITH_KEY,
  request: { body: takes(z.object({ name: ProjectName })) },
  responses: { 201: answers('the project', ProjectShape), ...errors('conflict', 'too_large') },
});

export function projectRoutes({ control }: ApiParts): Api {
  return newApi()
    .openapi(list, async (c) => {
      const { principal } = c.var;
      requireScope(principal, 'read');
      const all = await control.projects.list();
      const seen = all.filter(({ name }) => principal.project === null || name === principal.project);
      return c.json({ projects: seen }, 200);
    })
    .openapi(create, async (c) => {
      requireAdmin(c.var.principal);
      return c.json(await control.projects.create(c.req.valid('json').name), 201);
    });
}
