import { createRoute, z } from '@hono/zod-openapi';
import { requireScope } from './authentication.ts';
import { answers, errors, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { AppName, CronRunShape, CronStatusShape } from './shapes.ts';

const params = z.object({ app: AppName });

const list = createRoute({
  method: 'get',
  path: '/v1/apps/{app}/crons',
  summary: 'The crons of what is in front of an app, with their last and next run',
  security: WITH_KEY,
  request: { params },
  responses: { 200: answers('the crons', z.object({ crons: z.array(CronStatusShape) })), ...errors('not_found') },
});

const run = createRoute({
  method: 'post',
  path: '/v1/apps/{app}/crons/{name}/run',
  summary: 'Run a cron now, and wait for its end',
  security: WITH_KEY,
  request: { params: params.extend({ name: z.string().min(1).max(100) }) },
  responses: {
    200: answers('what became of it, also when it failed', z.object({ run: CronRunShape })),
    ...errors('not_found', 'conflict', 'unavailable'),
  },
});

export function cronRoutes({ control, crons }: ApiParts): Api {
  return newApi()
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
      const told = crons.upcoming(app.name).map(async ({ cron, next, running }) => {
        const [lastRun = null] = await control.cronRuns.list(app.name, { cron: cron.name, limit: 1 });
        return { ...cron, nextRun: next, running, lastRun };
      });
      return c.json({ crons: await Promise.all(told) }, 200);
    })
    .openapi(run, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { app: named, name } = c.req.valid('param');
      const app = await control.apps.get(named, c.var.principal.project);
      return c.json({ run: await crons.run(app.name, name, c.req.raw.signal) }, 200);
    });
}
