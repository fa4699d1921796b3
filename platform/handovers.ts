import type { Handover } from '../builders/contract.ts';
import type { Edge } from '../router/edge.ts';
import type { RouteTable } from '../router/table.ts';
import { type Deployment, PRODUCTION_BRANCH } from './control/contract.ts';
import { branchLabel, deploymentLabel } from './control/names.ts';
import type { Instances } from './instances.ts';
import type { Log } from './log.ts';
import type { AppRoute } from './route-limits.ts';
import { Turns } from './turns.ts';

/** Longest that what is under way in the old deployment may take before it is broken off. */
export const GRACE_MS = 30_000;

export interface HandoversParts {
  table: RouteTable<AppRoute>;
  edge: Pick<Edge, 'hold' | 'retire' | 'adopt' | 'warm' | 'keep'>;
  instances: Pick<Instances, 'thaw' | 'next'>;
  /** Reads the routes anew, once what changed is committed. */
  changed(): Promise<void>;
  /** Longest that the new code may take to start, in milliseconds. */
  startMs: number;
  log: Log;
}

/** The way from one deployment with volumes to the next: a volume is in one VM at a time. */
export class Handovers {
  readonly #parts: HandoversParts;
  /** Of each app: one change of what is in front after the other. */
  readonly #turns = new Map<string, Turns>();

  constructor(parts: HandoversParts) {
    this.#parts = parts;
  }

  /**
   * New requests wait; those under way are answered; the old instance ends; the new one starts with the volumes. When it
   * does not start, the old one is started again. Two of one app come one after the other.
   *
   * @returns undefined for a deployment without volumes
   * @throws ThawError why the new one does not start
   */
  async begin({ id, app, branch }: Pick<Deployment, 'id' | 'app' | 'branch'>): Promise<Handover | undefined> {
    const { table, edge, instances, log } = this.#parts;
    await this.#parts.changed();
    const next = table.get(deploymentLabel(id, app));
    if (next?.mounts === undefined) return undefined;
    const turns = this.#turns.get(app) ?? new Turns(1);
    this.#turns.set(app, turns);
    const mine = await turns.enter(AbortSignal.timeout(this.#parts.startMs + GRACE_MS));
    const before = table.get(branchLabel(branch, app));
    const old = before?.mounts === undefined || before.deployment === id ? undefined : before;
    const chosen = instances.next(app, id);
    const hold = old === undefined ? undefined : edge.hold(old.deployment);
    const letGo = () => {
      chosen[Symbol.dispose]();
      hold?.[Symbol.dispose]();
      mine[Symbol.dispose]();
      if (turns.idle) this.#turns.delete(app);
    };
    const goBack = async () => {
      await edge.retire(id, 0);
      letGo();
      if (old !== undefined) this.#startAgain(old);
    };
    try {
      if (old !== undefined) await edge.retire(old.deployment, GRACE_MS);
      const instance = await instances.thaw(next, AbortSignal.timeout(this.#parts.startMs));
      // It will be in front: idle, it sleeps.
      edge.adopt({ ...next, front: true }, instance);
    } catch (error) {
      await goBack();
      throw error;
    }
    log.info({ app, from: old?.deployment, to: id }, 'the volumes were handed over');
    let inFront = false;
    return {
      done: async () => {
        inFront = true;
        await this.#parts.changed().finally(letGo);
      },
      async [Symbol.asyncDispose]() {
        if (!inFront) await goBack();
      },
    };
  }

  /** Lets the instance of an app end that has its volumes. The next request starts another one. */
  async stop(app: string): Promise<void> {
    const route = this.#parts.table.get(branchLabel(PRODUCTION_BRANCH, app));
    if (route !== undefined) await this.#parts.edge.retire(route.deployment, GRACE_MS);
  }

  /** Who asked has waited long enough: it starts without being waited for. */
  #startAgain(old: AppRoute): void {
    const { edge, log, table } = this.#parts;
    edge.keep(table.kept());
    edge.warm(old, AbortSignal.timeout(this.#parts.startMs)).catch((err: unknown) => {
      log.error({ app: old.app, deployment: old.deployment, err }, 'the deployment before did not start again');
    });
  }
}
