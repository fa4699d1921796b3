import { createRoute, z } from '@hono/zod-openapi';
import { DEFAULT_PROJECT } from '../control/projects.ts';
import { projectFor, requireAdmin, requireScope } from './authentication.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { LimitsShape, ProjectName, ProjectShape, UsageShape } from './shapes.ts';

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

const params = z.object({ name: ProjectName });
const LimitsAnswer = z.object({ limits: LimitsShape, usage: UsageShape });

const limits = createRoute({
  method: 'get',
  path: '/v1/projects/{name}/limits',
  summary: 'How much a project may have, and what it has used',
  security: WITH_KEY,
  request: { params },
  responses: { 200: answers('the limits', LimitsAnswer), ...errors('not_found') },
});

const setLimits = createRoute({
  method: 'patch',
  path: '/v1/projects/{name}/limits',
  summary: 'Set limits of a project (admin); those that are not named stay',
  security: WITH_KEY,
  request: { params, body: takes(LimitsShape.partial().openapi('ProjectLimitsChange')) },
  responses: { 200: answers('the limits', LimitsAnswer), ...errors('not_found', 'too_large') },
});

export function projectRoutes({ control, diskUse, databases }: ApiParts): Api {
  const told = async (name: string) => ({
    limits: await control.projects.limits(name),
    usage: {
      ...(await control.projects.usage(name)),
      diskMiB: Math.ceil((await diskUse(name)) / 1024 ** 2),
      databaseMemoryMiB: databases?.databases.awakeMiB(name) ?? 0,
    },
  });

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
    })
    .openapi(limits, async (c) => {
      requireScope(c.var.principal, 'read');
      const name = projectFor(c.var.principal, c.req.valid('param').name, DEFAULT_PROJECT);
      return c.json(await told(name), 200);
    })
    .openapi(setLimits, async (c) => {
      requireAdmin(c.var.principal);
      const { name } = c.req.valid('param');
      const named = Object.entries(c.req.valid('json')).filter(([, value]) => value !== undefined);
      await control.projects.setLimits(name, Object.fromEntries(named));
      return c.json(await told(name), 200);
    });
}
