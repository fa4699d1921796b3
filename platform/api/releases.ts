import { createRoute, z } from '@hono/zod-openapi';
import { type Deployment, PRODUCTION_BRANCH, type Release } from '../control/contract.ts';
import { ThawError } from '../errors.ts';
import { requireScope } from './authentication.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { AppName, BranchName, DeploymentId, ReleaseShape } from './shapes.ts';

/** What a Postgres integer holds. */
const MOST_RELEASES = 2_147_483_647;

const params = z.object({ app: AppName });

const list = createRoute({
  method: 'get',
  path: '/v1/apps/{app}/releases',
  summary: 'The releases of an app, newest first, of every branch',
  security: WITH_KEY,
  request: { params },
  responses: { 200: answers('the releases', z.object({ releases: z.array(ReleaseShape) })), ...errors('not_found') },
});

const create = createRoute({
  method: 'post',
  path: '/v1/apps/{app}/releases',
  summary: 'Put a deployment in front of a branch’s host name again',
  security: WITH_KEY,
  request: {
    params,
    body: takes(z.object({ deployment: DeploymentId, branch: BranchName.default(PRODUCTION_BRANCH) })),
  },
  responses: { 201: answers('the release', ReleaseShape), ...errors('not_found', 'conflict', 'too_large') },
});

const rollback = createRoute({
  method: 'post',
  path: '/v1/apps/{app}/rollback',
  summary: 'Put an earlier deployment of a branch in front again, as a new release',
  security: WITH_KEY,
  request: {
    params,
    body: takes(
      z.strictObject({
        release: z.number().int().min(1).max(MOST_RELEASES).optional().openapi({
          description: 'Number of the release to go back to. Default: the one before the current one.',
        }),
        branch: BranchName.default(PRODUCTION_BRANCH),
      }),
    ),
  },
  responses: { 201: answers('the release', ReleaseShape), ...errors('not_found', 'conflict', 'too_large') },
});

const promote = createRoute({
  method: 'post',
  path: '/v1/apps/{app}/promote',
  summary: 'Put a preview, or any ready deployment, in front of the app itself',
  security: WITH_KEY,
  request: {
    params,
    body: takes(z.union([z.strictObject({ deployment: DeploymentId }), z.strictObject({ branch: BranchName })])),
  },
  responses: { 201: answers('the release', ReleaseShape), ...errors('not_found', 'conflict', 'too_large') },
});

export function releaseRoutes({ control, takeOver, databases }: ApiParts): Api {
  const requireMovable = async (deployment: Deployment, to = PRODUCTION_BRANCH) =>
    databases?.previews.requireMovable(deployment, to);
  /** Releases a deployment, which runs by then if it is one with volumes. */
  const release = async (app: string, id: string, branch: string, put: () => Promise<Release>) => {
    const deployment = await control.deployments.get(id);
    if (deployment.app === app) await requireMovable(deployment, branch);
    const withVolumes = deployment.app === app && deployment.status === 'ready' && deployment.run?.mounts !== undefined;
    if (withVolumes && branch !== PRODUCTION_BRANCH) {
      throw new ThawError('conflict', 'A deployment with volumes is only put in front of the app itself.');
    }
    await using handover = withVolumes ? await takeOver?.(deployment, branch) : undefined;
    const made = await put();
    await handover?.done();
    return made;
  };
  return newApi()
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
      return c.json({ releases: await control.releases.list(app.name) }, 200);
    })
    .openapi(create, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
      const { deployment: id, branch } = c.req.valid('json');
      const deployment = await control.deployments.get(id);
      if (deployment.app !== app.name) throw new ThawError('not_found', `There is no deployment ${id}.`);
      // One that was built for another branch was never in front of this one.
      const reason = deployment.branch === branch ? 'rollback' : 'promote';
      const put = () => control.releases.create({ app: app.name, branch, deployment: id, reason });
      return c.json(await release(app.name, id, branch, put), 201);
    })
    .openapi(rollback, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
      const wanted = { app: app.name, ...c.req.valid('json') };
      const id = await control.releases.earlier(wanted);
      return c.json(await release(app.name, id, wanted.branch, () => control.releases.rollback(wanted)), 201);
    })
    .openapi(promote, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
      const what = c.req.valid('json');
      const put = () => control.releases.promote({ app: app.name, ...what });
      if ('deployment' in what) return c.json(await release(app.name, what.deployment, PRODUCTION_BRANCH, put), 201);
      // A preview has no volumes, but it may have a database.
      const current = await control.releases.current(app.name, what.branch);
      if (current !== undefined) await requireMovable(await control.deployments.get(current.deployment));
      return c.json(await put(), 201);
    });
}
