import { setTimeout as sleep } from 'node:timers/promises';
import { ThawError } from './errors.ts';
import type { DiskMount, Host, ThawRequest, Vm } from './host/contract.ts';
import type { AppRoute } from './route-limits.ts';
import type { VolumeMount } from './volumes/contract.ts';

/** How long a volume is waited for whose machine is just ending, and how often it is looked. */
const WAIT_MS = 15_000;
const AGAIN_MS = 50;

export interface AloneParts {
  host: Host;
  /** The disks behind a project's volumes. @throws ThawError `not_found` */
  disks(project: string, mounts: VolumeMount[]): Promise<DiskMount[]>;
  /** Ends the instances of a deployment after what is under way there. */
  retire(deployment: string): Promise<void>;
}

/** Instances that have volumes: one of an app at a time, that of the deployment in front, or of the one that is to be. */
export class Alone {
  readonly #parts: AloneParts;
  readonly #role: string;
  readonly #next = new Map<string, string>();

  constructor(parts: AloneParts, role: string) {
    this.#parts = parts;
    this.#role = role;
  }

  /** Lets no other deployment of an app have its volumes until this is disposed. */
  next(app: string, deployment: string): Disposable {
    this.#next.set(app, deployment);
    return {
      [Symbol.dispose]: () => {
        if (this.#next.get(app) === deployment) this.#next.delete(app);
      },
    };
  }

  /** Thaws an instance with its volumes, once the one that has them is gone. @throws ThawError `conflict` when it may not have them */
  async thaw(route: AppRoute, request: ThawRequest, signal: AbortSignal): Promise<Vm> {
    const { host } = this.#parts;
    const chosen = this.#next.get(route.app);
    if (chosen !== undefined && chosen !== route.deployment) {
      throw new ThawError('unavailable', `${route.app} is being replaced.`, { hint: 'Try again in a moment.' });
    }
    const disks = await this.#parts.disks(route.project, route.mounts ?? []);
    const until = performance.now() + WAIT_MS;
    for (;;) {
      for (const { disk } of disks) await this.#free(route, disk, chosen !== undefined);
      try {
        return await host.thaw({ ...request, memory: 'own', disks }, signal);
      } catch (error) {
        // Whoever has it may be about to be gone.
        if (!(error instanceof ThawError) || error.code !== 'conflict' || performance.now() > until) throw error;
        await sleep(AGAIN_MS, undefined, { signal });
      }
    }
  }

  /** Ends the instance of the app that has a disk. @throws ThawError `conflict` when it may stay, or is nobody's instance */
  async #free(route: AppRoute, disk: string, chosen: boolean): Promise<void> {
    const { host, retire } = this.#parts;
    const holder = (await host.getDisk(disk))?.holder;
    const vm = holder == null ? undefined : host.get(holder);
    if (vm === undefined) return;
    const { role, app, deployment } = vm.labels;
    if (role !== this.#role || app !== route.app || deployment === undefined) {
      throw new ThawError('conflict', `A volume of ${route.app} is in use elsewhere.`, {
        hint: '`thaw volume list` shows who has it.',
      });
    }
    if (deployment !== route.deployment) {
      if (route.front === false && !chosen) {
        throw new ThawError('conflict', `Another deployment of ${app} has its volumes.`, {
          hint: 'Only the one in front does. Roll back to this one to put it in front.',
        });
      }
      await retire(deployment);
    }
    await host.end(vm.id);
  }
}
