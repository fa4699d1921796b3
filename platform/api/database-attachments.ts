import { createRoute, z } from '@hono/zod-openapi';
import type { EnvironmentTarget } from '../control/contract.ts';
import { DEFAULT_PROJECT } from '../control/projects.ts';
import { ThawError } from '../errors.ts';
import { projectFor, requireScope } from './authentication.ts';
import type { Databases } from './database-parts.ts';
import { AttachRequestShape, DatabaseAttachmentShape, DatabaseName } from './database-shapes.ts';
import { answers, errors, streams, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import { ndjson } from './ndjson.ts';
import type { ApiParts } from './parts.ts';
import { progress } from './progress.ts';
import { redeployStale } from './redeploy.ts';
import { AppName, EnvironmentEventShape } from './shapes.ts';
import { shownDeployed } from './shown-deployment.ts';

const query = z.object({ project: z.string().optional() });
const params = z.object({ name: DatabaseName });
const ofApp = params.extend({ app: AppName });
const outcome = streams('progress, then the outcome', EnvironmentEventShape);

const list = createRoute({
  method: 'get',
  path: '/v1/databases/{name}/attachments',
  summary: 'The apps that have a database in their environment',
  security: WITH_KEY,
  request: { params, query },
  responses: {
    200: answers('the apps', z.object({ attachments: z.array(DatabaseAttachmentShape) })),
    ...errors('not_found'),
  },
});

const attach = createRoute({
  method: 'put',
  path: '/v1/databases/{name}/attachments/{app}',
  summary: 'Put the URLs of a database into the environment of an app',
  description:
    'Takes the place of the database that was there before. What is in front is baked again and released; the answer is a stream of progress lines, its last line the outcome.',
  security: WITH_KEY,
  request: { params: ofApp, query, body: takes(AttachRequestShape) },
  responses: { 200: outcome, ...errors('not_found', 'conflict', 'too_large') },
});

const detach = createRoute({
  method: 'delete',
  path: '/v1/databases/{name}/attachments/{app}',
  summary: 'Take a database out of the environment of an app and its previews',
  description:
    'What is in front is baked again without it; the answer is a stream of progress lines, its last line the outcome.',
  security: WITH_KEY,
  request: {
    params: ofApp,
    query: query.extend({
      removeBranches: z.enum(['true', 'false']).default('false').openapi({
        description: 'true: branches that previews have of it are removed with their data. Else they are a conflict.',
      }),
    }),
  },
  responses: { 200: outcome, ...errors('not_found', 'conflict') },
});

export function databaseAttachmentRoutes(parts: ApiParts, { attachments }: Databases): Api {
  const { control, log, closing } = parts;
  return newApi()
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      return c.json({ attachments: await attachments.list(project, c.req.valid('param').name) }, 200);
    })
    .openapi(attach, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      const { target, branches } = c.req.valid('json');
      if (branches && target !== 'preview') {
        throw new ThawError('invalid_input', 'Only previews get branches of a database.', {
          hint: 'Attach it to the target `preview`.',
        });
      }
      const { name, app: named } = c.req.valid('param');
      const app = await control.apps.get(named, project);
      const also = await attachments.attach(project, name, { app, target, branches });
      return ndjson(c, {
        log,
        closing,
        produce: (signal) =>
          progress(
            async (report) => ({
              deployed: await redeployStale(parts, { app, target, also }, report, signal),
              entries: await control.environment.list(app.name),
            }),
            ({ deployed, entries }) => ({ type: 'done', entries, deployed: deployed.map(shownDeployed) }),
          ),
        failed: (error) => ({ type: 'failed', ...error.toBody() }),
      });
    })
    .openapi(detach, async (c) => {
      requireScope(c.var.principal, 'manage');
      const { project: whose, removeBranches } = c.req.valid('query');
      const project = projectFor(c.var.principal, whose, DEFAULT_PROJECT);
      const { name, app: named } = c.req.valid('param');
      const app = await control.apps.get(named, project);
      const detached = await attachments.detach(project, name, app, { removeBranches: removeBranches === 'true' });
      return ndjson(c, {
        log,
        closing,
        produce: (signal) =>
          progress(
            async (report) => {
              const targets: EnvironmentTarget[] = detached.targets;
              const deployed = [];
              for (const target of targets)
                deployed.push(...(await redeployStale(parts, { app, target }, report, signal)));
              await detached.finish();
              return { deployed, entries: await control.environment.list(app.name) };
            },
            ({ deployed, entries }) => ({ type: 'done', entries, deployed: deployed.map(shownDeployed) }),
          ),
        failed: (error) => ({ type: 'failed', ...error.toBody() }),
      });
    });
}
