import type { Edge } from '../router/edge.ts';
import type { EdgeParts, Instance, Route } from '../router/parts.ts';
import type { InstanceView } from '../router/pool.ts';
import { sandboxPortOf } from '../router/resolve.ts';
import type { Config } from './config.ts';
import { AGENT_PORTS } from './host/guest/ports.ts';
import { ENVD_PATHS, ENVD_PORT } from './sandboxes/envd.ts';
import type { Sandboxes } from './sandboxes/sandboxes.ts';

/** Requests that one port takes at once; past it they wait. */
const AT_ONCE = 1000;
/** The edge forgets a port that nobody asks for after this time; the sandbox goes on. */
const FORGET_MS = 30_000;

/** Tells the ports of sandboxes from deployments. */
const ROLE = 'sandbox ';

/**
 * Ports of sandboxes as the edge needs them: each is a deployment of its own with one instance, which is there when the
 * sandbox is awake. So a request to a paused one waits at the same gate as one to an app.
 */
export class SandboxEdge {
  readonly #limits: Route['limits'];
  #sandboxes: Pick<Sandboxes, 'reachable' | 'reach' | 'admits'> | undefined;
  #edge: Pick<Edge, 'instances' | 'remove'> | undefined;

  constructor({ wakeTimeoutMs, responseTimeoutMs }: Pick<Config, 'wakeTimeoutMs' | 'responseTimeoutMs'>) {
    this.#limits = {
      ...{ softLimit: AT_ONCE, hardLimit: AT_ONCE, minInstances: 0, maxInstances: 1, queue: AT_ONCE },
      ...{ idleMs: FORGET_MS, sleep: 'stop', wakeTimeoutMs, responseTimeoutMs },
    };
  }

  /** Hands it what it stands between, as soon as that is there. */
  join(parts: { sandboxes?: Sandboxes; edge?: Edge }): void {
    this.#sandboxes ??= parts.sandboxes;
    this.#edge ??= parts.edge;
  }

  /** The route of `<port>-<sandbox>`. */
  route(label: string): Route | undefined {
    const named = sandboxPortOf(label);
    const sandbox = named && this.#sandboxes?.reachable(named.sandbox);
    if (named === undefined || sandbox === undefined) return undefined;
    const agent = named.port === ENVD_PORT;
    return {
      label,
      app: `sandbox ${sandbox.id}`,
      // Apart from the project's apps: sandboxes are counted where they are made.
      project: `${ROLE}${sandbox.project}`,
      deployment: ROLE + label,
      kind: 'web',
      port: agent ? AGENT_PORTS.http : named.port,
      limits: this.#limits,
      ...(sandbox.ports === 'public' && !agent ? {} : { guarded: true }),
      ...(agent ? { paths: ENVD_PATHS } : {}),
    };
  }

  /** Whether a route, an instance's deployment or an instance is a sandbox's port. */
  owns(name: string | undefined): boolean {
    return name?.startsWith(ROLE) === true;
  }

  admits: NonNullable<EdgeParts['admits']> = (token, { label }) => {
    const named = sandboxPortOf(label);
    return named !== undefined && this.#sandboxes?.admits(token, named.sandbox, named.port) === true;
  };

  /** The sandbox, awake. @throws ThawError why it is not */
  async thaw({ label, deployment, port }: Route, signal: AbortSignal): Promise<Instance> {
    const sandbox = sandboxPortOf(label)?.sandbox ?? '';
    if (this.#sandboxes === undefined) throw new Error('a sandbox was asked for before there were any');
    const { address, resumed } = await this.#sandboxes.reach(sandbox, signal);
    return { id: deployment, address, port, phases: {}, resumed };
  }

  /** Closes the connections to a sandbox whose VM stops: a VM that is gone sends no reset. */
  gone(sandbox: string): void {
    for (const { id } of this.#edge?.instances() ?? []) {
      if (this.owns(id) && id.endsWith(`-${sandbox}`)) this.#edge?.remove(id);
    }
  }

  /** Instances of apps alone. */
  apps<View extends Pick<InstanceView, 'deployment'>>(views: View[]): View[] {
    return views.filter(({ deployment }) => !this.owns(deployment));
  }
}
