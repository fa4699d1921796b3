import { createRoute, z } from '@hono/zod-openapi';
import type { App } from '../control/contract.ts';
import { DEFAULT_PROJECT } from '../control/projects.ts';
import { projectFor, requireScope } from './authentication.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { AppName, AppShape, ProjectName } from './shapes.ts';
import { edgeUrl } from './url.ts';

const params = z.object({ app: AppName });

const list = createRoute({
  method: 'get',
  path: '/v1/apps',
  summary: 'The apps that the key may see',
  security: WITH_KEY,
  responses: { 200: answers('the apps', z.object({ apps: z.array(AppShape) })), ...errors() },
});

const create = createRoute({
  method: 'post',
  path: '/v1/apps',
  summary: 'Make an app; the first push or deployment does it as well',
  security: WITH_KEY,
  request: { body: takes(z.object({ name: AppName, project: ProjectName.optional() })) },
  responses: { 201: answers('the app', AppShape), ...errors('not_found', 'conflict', 'quota_exceeded', 'too_large') },
});

const get = createRoute({
  method: 'get',
  path: '/v1/apps/{app}',
  summary: 'One app',
  security: WITH_KEY,
  request: { params },
  responses: { 200: answers('the app', AppShape), ...errors('not_found') },
});

const remove = createRoute({
  method: 'delete',
  path: '/v1/apps/{app}',
  summary: 'Remove an app with its deployments and releases',
  security: WITH_KEY,
  request: { params },
  responses: { 204: { description: 'removed' }, ...errors('not_found') },
});

export function appRoutes(parts: ApiParts): Api {
  const { control } = parts;
  const shown = (app: App) => ({ ...app, url: edgeUrl(app.name, parts) });

  return newApi()
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      const apps = await control.apps.list(c.var.principal.project);
      return c.json({ apps: apps.map(shown) }, 200);
    })
    .openapi(create, async (c) => {
      const { principal } = c.var;
      requireScope(principal, 'manage');
      const { name, project } = c.req.valid('json');
      const app = await control.apps.create(name, projectFor(principal, project, DEFAULT_PROJECT));
      return c.json(shown(app), 201);
    })
    .openapi(get, async (c) => {
      requireScope(c.var.principal, 'read');
      return c.json(shown(await control.apps.get(c.req.valid('param').app, c.var.principal.project)), 200);
    })
    .openapi(remove, async (c) => {
      const { principal } = c.var;
      requireScope(principal, 'manage');
      await removeApp(parts, await control.apps.get(c.req.valid('param').app, principal.project));
      return c.body(null, 204);
    });
}

/** Builds end first, then the database: what is left over of an app that is gone from there, the next start clears away. */
async function removeApp({ control, host, log, breakOff, forget }: ApiParts, app: App): Promise<void> {
  await breakOff?.(app);
  const { templates } = await control.apps.remove(app.name, app.project);
  const outcomes = await Promise.allSettled([
    forget?.(app),
    ...templates.map((template) => host.removeTemplate(template)),
  ]);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected')
      log.warn({ app: app.name, err: outcome.reason }, 'part of a removed app is left');
  }
}
