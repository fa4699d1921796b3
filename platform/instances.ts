import type { Edge } from '../router/edge.ts';
import type { Instance as EdgeInstance, Route } from '../router/parts.ts';
import type { InstanceView } from '../router/pool.ts';
import type { RouteTable } from '../router/table.ts';
import { Alone, type AloneParts } from './alone.ts';
import type { Instance } from './api/parts.ts';
import { deploymentLabel } from './control/names.ts';
import { ThawError } from './errors.ts';
import type { Vm } from './host/contract.ts';
import type { Log } from './log.ts';
import type { LogCollector } from './logs/collector.ts';
import type { AppRoute } from './route-limits.ts';

/** Longest that the end of an app's process is waited for; the guest kills it before. */
const STOP_LIMIT_MS = 10_000;
/** Tells an app's instance from the VMs of builds. */
const ROLE = 'instance';

export interface InstancesParts extends AloneParts {
  collector: LogCollector;
  table: RouteTable<AppRoute>;
  /** The control plane's id of an app, by its name; undefined when it is gone. */
  appId(name: string): Promise<string | undefined>;
  /** Bakes a deployment again whose template no longer fits; answers the new one. */
  rebake(deployment: string, signal: AbortSignal): Promise<string>;
  /** Starts the code of a deployment with volumes in its VM, and waits until it answers. @throws ThawError `build_failed` */
  start(vm: Vm, deployment: string, signal: AbortSignal): Promise<void>;
  log: Log;
}

/** Instances of deployments: VMs of this host, as the edge needs them. */
export class Instances {
  readonly #parts: InstancesParts;
  /** Number of the last log line taken of each instance that sleeps. */
  readonly #taken = new Map<string, number>();
  readonly #alone: Alone;

  constructor(parts: InstancesParts) {
    this.#parts = parts;
    this.#alone = new Alone(parts, ROLE);
  }

  /** Lets no other deployment of an app have its volumes until this is disposed. */
  next(app: string, deployment: string): Disposable {
    return this.#alone.next(app, deployment);
  }

  /** Thaws one instance; a template that is gone or no longer fits this host is baked again first. */
  async thaw(route: Route, signal: AbortSignal): Promise<EdgeInstance> {
    // The label may lead to another deployment by now; a deployment's own label never does.
    const known = this.#parts.table.get(deploymentLabel(route.deployment, route.app));
    if (known === undefined) throw new ThawError('not_found', 'The deployment was removed.');
    const vm = await this.#cloneOf(known, signal).catch(async (error: unknown) => {
      if (!(error instanceof ThawError) || error.code !== 'template_stale') throw error;
      this.#parts.log.info({ deployment: known.deployment, why: error.message }, 'baking a template again');
      return this.#clone(known, await this.#rebake(known.deployment, signal), signal);
    });
    void this.#collect(vm, 0);
    return { id: vm.id, address: vm.address, port: known.port, phases: vm.phases };
  }

  /** Ends an instance, after its last log lines were taken; one that has volumes is told before. One that sleeps has written none since. */
  async end(id: string): Promise<void> {
    const { collector, host } = this.#parts;
    const vm = host.get(id);
    if (vm?.asleep) collector.drop(id);
    else {
      // What it holds in memory may belong on its volume.
      if (vm?.disks !== undefined) await host.stopProcess(id, AbortSignal.timeout(STOP_LIMIT_MS)).catch(() => {});
      await collector.finish(id);
    }
    await host.end(id);
  }

  /** Freezes an instance as it is, after the lines it wrote were taken. */
  async sleep(id: string): Promise<void> {
    this.#taken.set(id, await this.#parts.collector.finish(id));
    await this.#parts.host.sleep(id);
  }

  /** Lets a frozen instance go on, at the same address. */
  async wake(id: string, signal: AbortSignal): Promise<EdgeInstance> {
    const vm = await this.#parts.host.wake(id, signal);
    const known = this.#parts.table.get(vm.labels.label ?? '');
    if (known === undefined) throw new ThawError('not_found', 'The deployment was removed.');
    void this.#collect(vm);
    return { id: vm.id, address: vm.address, port: known.port, phases: vm.phases, resumed: true };
  }

  /**
   * Hands the edge the instances that outlived an earlier server, and ends those that nothing leads to.
   *
   * @param others roles of VMs that somebody else takes back
   */
  async takeBack(edge: Pick<Edge, 'adopt'>, others: ReadonlySet<string> = new Set()): Promise<void> {
    const { host, table } = this.#parts;
    for (const vm of host.list()) {
      if (others.has(vm.labels.role ?? '')) continue;
      const label = vm.labels.label;
      const route = vm.labels.role === ROLE && label !== undefined ? table.get(label) : undefined;
      if (route === undefined || route.deployment !== vm.labels.deployment) {
        await host.end(vm.id);
        continue;
      }
      const instance = { id: vm.id, address: vm.address, port: route.port, phases: vm.phases };
      edge.adopt(route, instance, vm.asleep ? 'asleep' : 'awake');
      if (!vm.asleep) void this.#collect(vm);
    }
  }

  /** Tells the edge of each VM that ends by itself, until `signal` fires. */
  async watch(edge: Pick<Edge, 'remove'>, signal: AbortSignal): Promise<void> {
    for await (const event of this.#parts.host.events(signal)) {
      if (event.kind !== 'ended' || event.labels.role !== ROLE) continue;
      const { vm, labels, reason } = event;
      edge.remove(vm);
      this.#taken.delete(vm);
      this.#parts.collector.drop(vm);
      if (reason === 'crashed' || reason === 'oom') {
        this.#parts.log.warn({ vm, app: labels.app, reason }, 'an instance ended by itself');
      }
    }
  }

  /** What runs now, as the API tells it. */
  describe(views: InstanceView[]): Instance[] {
    return views.flatMap(({ id, app, deployment, requests, phases }) => {
      const vm = this.#parts.host.get(id);
      if (vm === undefined) return [];
      const { address, startedAt } = vm;
      const state = vm.asleep ? ('asleep' as const) : ('running' as const);
      return { id, app, deployment, address, startedAt, state, requests, phases };
    });
  }

  /** Removes templates of deployments that the control plane does not know. */
  async removeUnusedTemplates(inUse: Set<string>): Promise<void> {
    const { host, log } = this.#parts;
    for (const { id, labels } of await host.templates()) {
      if (labels.deployment === undefined || inUse.has(id)) continue;
      log.info({ template: id }, 'removing a template that no deployment needs');
      await host.removeTemplate(id);
    }
  }

  /** What the code said as it failed is for its author, who finds it in the log, and not for a client of the edge. */
  #rebake(deployment: string, signal: AbortSignal): Promise<string> {
    return this.#parts.rebake(deployment, signal).catch((error: unknown) => {
      throw unspoken(error, (why) => this.#parts.log.warn({ deployment, why }, 'the code did not start again'));
    });
  }

  async #cloneOf(route: AppRoute, signal: AbortSignal): Promise<Vm> {
    if (route.template === null) throw new ThawError('template_stale', 'The template was removed to save room.');
    return this.#clone(route, route.template, signal);
  }

  async #clone(route: AppRoute, template: string, signal: AbortSignal): Promise<Vm> {
    const labels = {
      role: ROLE,
      label: deploymentLabel(route.deployment, route.app),
      app: route.app,
      deployment: route.deployment,
    };
    const { egress = { mode: 'public' }, cpus, limits } = route;
    const memory = limits.sleep === 'freeze' ? 'own' : 'clone';
    const request = { template, labels, egress, memory, ...(cpus === undefined ? {} : { cpus }) } as const;
    if (route.mounts === undefined) return this.#parts.host.thaw(request, signal);
    const vm = await this.#alone.thaw(route, request, signal);
    try {
      await this.#parts.start(vm, route.deployment, signal);
      return vm;
    } catch (error) {
      await this.#parts.host.end(vm.id);
      throw error;
    }
  }

  /** @param after number of the last line taken; absent: as this server or an earlier one left it */
  async #collect({ id, labels }: Vm, after = this.#taken.get(id)): Promise<void> {
    const { app, deployment } = labels;
    if (app === undefined || deployment === undefined) return;
    const { appId, collector, host, log } = this.#parts;
    try {
      const vm = { id, app: (await appId(app)) ?? '', deployment };
      const taken = after ?? (await collector.taken(vm));
      if (vm.app !== '' && host.get(id) !== undefined) collector.begin(vm, taken);
    } catch (err) {
      log.warn({ vm: id, app, err }, 'the log of an instance is not collected');
    } finally {
      this.#taken.delete(id);
    }
  }
}

/** A failure of an app's own code, without its words. */
function unspoken(error: unknown, tell: (why: string) => void): unknown {
  if (!(error instanceof ThawError) || error.code !== 'build_failed') return error;
  tell(error.message);
  return new ThawError('app_crashed', 'The app could not be started again.', {
    hint: 'Its author finds the reason in the server log; a new push replaces it.',
    cause: error,
  });
}
