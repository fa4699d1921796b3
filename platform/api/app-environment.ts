import { createRoute, z } from '@hono/zod-openapi';
import type { EnvironmentTarget } from '../control/contract.ts';
import { ThawError } from '../errors.ts';
import { requireScope } from './authentication.ts';
import { answers, errors, streams, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import { ndjson } from './ndjson.ts';
import type { ApiParts } from './parts.ts';
import { progress } from './progress.ts';
import { redeployStale } from './redeploy.ts';
import { AppName, BranchName, EnvironmentChangeShape, EnvironmentEventShape, EnvironmentShape } from './shapes.ts';
import { shownDeployed } from './shown-deployment.ts';

const params = z.object({ app: AppName });

const list = createRoute({
  method: 'get',
  path: '/v1/apps/{app}/environment',
  summary: 'The names of an app’s environment values',
  security: WITH_KEY,
  request: { params },
  responses: { 200: answers('the names', EnvironmentShape), ...errors('not_found') },
});

const values = createRoute({
  method: 'get',
  path: '/v1/apps/{app}/environment/values',
  summary: 'The values that a deployment would get now, in the clear',
  security: WITH_KEY,
  request: {
    params,
    query: z.object({
      target: z.enum(['production', 'preview']).optional().openapi({ description: 'Default: production.' }),
      branch: BranchName.optional().openapi({ description: 'One branch, instead of a target.' }),
    }),
  },
  responses: {
    200: answers('the values', z.object({ values: z.record(z.string(), z.string()) })),
    ...errors('not_found'),
  },
});

const change = createRoute({
  method: 'put',
  path: '/v1/apps/{app}/environment',
  summary: 'Set and remove environment values',
  description:
    'All of it or nothing. What is in front is then baked again with them and released; the answer is a stream of progress lines, its last line the outcome.',
  security: WITH_KEY,
  request: {
    params,
    query: z.object({
      redeploy: z.enum(['true', 'false']).default('true').openapi({
        description: 'false: only deployments that begin from now on get the values.',
      }),
    }),
    body: takes(EnvironmentChangeShape),
  },
  responses: { 200: streams('progress, then the outcome', EnvironmentEventShape), ...errors('not_found', 'too_large') },
});

export function appEnvironmentRoutes(parts: ApiParts): Api {
  const { control, log, closing } = parts;
  return newApi()
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
      return c.json({ entries: await control.environment.list(app.name) }, 200);
    })
    .openapi(values, async (c) => {
      requireScope(c.var.principal, 'manage');
      const { target, branch } = c.req.valid('query');
      if (target !== undefined && branch !== undefined) {
        throw new ThawError('invalid_input', 'Name a target or a branch, not both.');
      }
      const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
      const wanted: EnvironmentTarget = branch === undefined ? (target ?? 'production') : { branch };
      c.header('cache-control', 'no-store');
      return c.json({ values: await control.environment.values(app.name, wanted) }, 200);
    })
    .openapi(change, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
      const { target } = c.req.valid('json');
      // As they were sent: the check of their shape drops a name like `__proto__` without a word.
      const sent: { values: Record<string, string | null> } = await c.req.json();
      // Before the stream begins, so that a wrong name has a status of its own.
      await control.environment.change(app.name, target, sent.values);
      const wanted = c.req.valid('query').redeploy === 'true';
      return ndjson(c, {
        log,
        closing,
        produce: (signal) =>
          progress(
            async (report) => ({
              deployed: wanted ? await redeployStale(parts, { app, target }, report, signal) : [],
              entries: await control.environment.list(app.name),
            }),
            ({ deployed, entries }) => ({ type: 'done', entries, deployed: deployed.map(shownDeployed) }),
          ),
        failed: (error) => ({ type: 'failed', ...error.toBody() }),
      });
    });
}
