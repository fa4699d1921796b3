import { join } from 'node:path';
import { ThawError } from '../platform/errors.ts';
import { Turns } from '../platform/turns.ts';
import { AppLock } from './app-lock.ts';
import { BuildCache } from './build-cache.ts';
import type { Builders, BuildParts } from './contract.ts';
import { deploy } from './deploy.ts';
import { diskUse } from './disk-use.ts';
import { builder } from './function/builder.ts';
import { runner } from './function/runner.ts';
import { HookListener } from './git/hook-listener.ts';
import { reconcile } from './git/reconcile.ts';
import { Repositories } from './git/repositories.ts';
import { GitRoutes } from './git/routes.ts';
import { guestProgram } from './guest-program.ts';
import { PreparedTemplates } from './prepared.ts';
import { Rebaking } from './rebake.ts';
import { redeploy } from './redeploy.ts';
import { startDeployment } from './start-deployment.ts';

/** Bakes of existing deployments that may run at once, beside the builds. */
const REBAKES = 2;

/** Opens git receive and the builders. Disposing them ends the pushes and builds that are under way. */
export async function openBuilders(parts: BuildParts): Promise<Builders> {
  await using opened = new AsyncDisposableStack();
  await Promise.all([guestProgram('build'), guestProgram('shim')]);
  const repositories = await Repositories.open(parts.repos);
  const ending = new AbortController();
  const prepared = new PreparedTemplates(parts.host, parts.log, ending.signal);
  const queue = new Turns(parts.settings.maxConcurrentBuilds);
  const cache = new BuildCache(parts.host, parts.log, parts.settings.buildCacheBytes);
  const disk = (project: string) => diskUse({ ...parts, cache, repositories }, project);
  const pipeline = { ...parts, prepared, queue, cache, lock: new AppLock(), diskUse: disk };
  const push = { ...pipeline, repositories };
  const listener = opened.use(await HookListener.open(join(parts.repos, 'hook.sock'), parts.log));
  const git = opened.use(new GitRoutes(push, listener));
  const rebaking = opened.use(new Rebaking(pipeline, new Turns(REBAKES)));
  opened.defer(() => ending.abort());
  const closing = opened.move();
  return {
    git: git.routes,
    deploy: (request, report, signal) => deploy(pipeline, request, report, signal),
    cache,
    diskUse: disk,
    redeploy: (request, report, signal) => redeploy(pipeline, request, report, signal),
    rebake: (deployment, signal) => rebaking.rebake(deployment, signal),
    start: (vm, deployment, signal) => startDeployment(pipeline, vm, deployment, signal),
    reconcile: (signal) => reconcile(push, signal),
    async warm(signal = new AbortController().signal) {
      const { accelerator } = await parts.host.facts();
      for (const preparation of [await builder(parts.settings.buildDiskBytes), await runner(accelerator)])
        await prepared.template(preparation, signal);
    },
    breakOff: ({ id, name }) =>
      pipeline.lock.end(id, new ThawError('gone', `The app ${name} was removed while this was being built.`)),
    forget: (app) => repositories.remove(app),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}
