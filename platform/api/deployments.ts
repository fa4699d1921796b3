import { createRoute, z } from '@hono/zod-openapi';
import { PRODUCTION_BRANCH } from '../control/contract.ts';
import { ThawError } from '../errors.ts';
import { requireScope } from './authentication.ts';
import { answers, errors, streams, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import { ndjson } from './ndjson.ts';
import type { ApiParts } from './parts.ts';
import { progress } from './progress.ts';
import { AppName, BranchName, DeployEventShape, DeploymentShape } from './shapes.ts';
import { shownDeployed, shownDeployment } from './shown-deployment.ts';
import { upload } from './upload.ts';

const TAR = 'application/x-tar';
const params = z.object({ app: AppName });

const list = createRoute({
  method: 'get',
  path: '/v1/apps/{app}/deployments',
  summary: 'The deployments of an app, newest first',
  security: WITH_KEY,
  request: { params },
  responses: {
    200: answers('the deployments', z.object({ deployments: z.array(DeploymentShape) })),
    ...errors('not_found'),
  },
});

const deploy = createRoute({
  method: 'post',
  path: '/v1/apps/{app}/deployments',
  summary: 'Build a tar of source code and release it',
  description: 'The answer is a stream of progress lines; its last line says how it went. The app is made if needed.',
  security: WITH_KEY,
  request: {
    params,
    query: z.object({ branch: BranchName.default(PRODUCTION_BRANCH) }),
    body: { required: true, content: { [TAR]: { schema: { type: 'string', format: 'binary' } } } },
  },
  responses: { 200: streams('progress, then the outcome', DeployEventShape), ...errors('conflict', 'quota_exceeded') },
});

export function deploymentRoutes(parts: ApiParts): Api {
  const { control, log, closing, maxSourceBytes } = parts;
  return newApi()
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
      const deployments = await control.deployments.list(app.name);
      return c.json({ deployments: deployments.map(shownDeployment) }, 200);
    })
    .openapi(deploy, async (c) => {
      const { principal } = c.var;
      requireScope(principal, 'deploy');
      if (c.req.header('content-type') !== TAR) {
        throw new ThawError('invalid_input', `The body has to be a tar, sent with \`Content-Type: ${TAR}\`.`);
      }
      if (c.req.raw.body === null || c.req.header('content-length') === '0')
        throw new ThawError('invalid_input', 'The body is empty; it has to be a tar.');
      // Before the stream begins, so that a name that is taken has a status of its own.
      const app = await control.apps.ensure(c.req.valid('param').app, principal);
      const { source, drain } = upload(c.req.raw.body, maxSourceBytes);
      const { branch } = c.req.valid('query');
      const request = { app: app.name, branch, commit: null, source, principal };
      return ndjson(c, {
        log,
        closing,
        produce: (signal) =>
          progress(
            (report) => parts.deploy(request, report, signal),
            (deployed) => ({ type: 'done', ...shownDeployed(deployed) }),
          ),
        failed: (error) => ({ type: 'failed', ...error.toBody() }),
        beforeEnd: drain,
      });
    });
}
