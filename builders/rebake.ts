import { isAbort, ThawError } from '../platform/errors.ts';
import type { Turns } from '../platform/turns.ts';
import { bake } from './bake.ts';
import type { PipelineParts } from './parts.ts';
import { bakeRequest, isReady } from './prepare.ts';

/** Bakes deployments again whose template no longer fits this host. */
export class Rebaking {
  readonly #parts: PipelineParts;
  readonly #queue: Turns;
  readonly #running = new Map<string, Promise<string>>();
  readonly #end = new AbortController();

  /** @param queue bounds how many bakes run at once; not the builds' own, because a request waits for this */
  constructor(parts: PipelineParts, queue: Turns) {
    this.#parts = parts;
    this.#queue = queue;
  }

  /** Callers at the same time share one bake; it goes on when one of them stops waiting. */
  async rebake(deployment: string, signal?: AbortSignal): Promise<string> {
    const running = this.#running.get(deployment) ?? this.#start(deployment);
    if (!signal) return running;
    signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const giveUp = () => reject(new ThawError('cancelled', 'The operation was cancelled.', { cause: signal.reason }));
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await Promise.race([running, promise]);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Ends what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new ThawError('unavailable', 'The server is stopping.'));
    await Promise.allSettled(this.#running.values());
  }

  #start(deployment: string): Promise<string> {
    const running = this.#bake(deployment).finally(() => this.#running.delete(deployment));
    this.#running.set(deployment, running);
    running.catch(() => {}); // Whoever waits hears of it.
    return running;
  }

  async #bake(id: string): Promise<string> {
    const { control, host, log, settings } = this.#parts;
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(settings.buildTimeoutMs)]);
    using _place = await this.#queue.enter(signal);
    const deployment = await control.deployments.get(id);
    const { template: old } = deployment;
    if (!isReady(deployment)) {
      throw new ThawError('conflict', `Deployment ${id} is ${deployment.status}; only a ready one can be baked again.`);
    }
    const started = performance.now();
    const quiet = () => {};
    const template = await bake(this.#parts, await bakeRequest(this.#parts, deployment), quiet, signal).catch(
      (error: unknown) => {
        log.error({ deployment: id, err: error }, 'deployment could not be baked again');
        throw isAbort(error)
          ? new ThawError('timed_out', 'Baking the deployment again took too long.', { cause: error })
          : error;
      },
    );
    await control.deployments.rebaked(id, template);
    if (old !== null && !(await control.deployments.templatesInUse()).has(old)) await host.removeTemplate(old);
    log.info({ deployment: id, template, ms: Math.round(performance.now() - started) }, 'deployment baked again');
    return template;
  }
}
