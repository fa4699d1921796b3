import { Gauge, type Registry } from 'prom-client';
import type { HostFacts } from '../host/contract.ts';
import type { AppLabels } from './app-labels.ts';

/** Where it is read from. */
export interface StateSources {
  instances(): Iterable<{ app: string; state: string }>;
  /** Requests that wait for a place. */
  queues(): Iterable<{ app: string; waiting: number }>;
  databases?(): Iterable<{ state: string; connections: { direct: number; pooled: number } }>;
  facts(): Promise<Pick<HostFacts, 'vms' | 'slots' | 'templates'>>;
}

/** How things stand, read when somebody asks. */
export class State {
  readonly #labels: AppLabels;
  readonly #sources: StateSources;
  readonly #instances: Gauge<'app' | 'state'>;
  readonly #waiting: Gauge<'app'>;
  readonly #vms: Gauge;
  readonly #slots: Gauge<'state'>;
  readonly #templates: Gauge;
  readonly #templateBytes: Gauge;
  readonly #databases: Gauge<'state'>;
  readonly #databaseClients: Gauge<'kind'>;

  constructor(registry: Registry, labels: AppLabels, sources: StateSources) {
    const registers = [registry];
    this.#labels = labels;
    this.#sources = sources;
    this.#instances = new Gauge({
      name: 'thaw_instances',
      help: 'Instances of apps, by state: ready, asleep, retiring.',
      labelNames: ['app', 'state'],
      registers,
    });
    this.#waiting = new Gauge({
      name: 'thaw_waiting_requests',
      help: 'Requests that wait for a place on an instance.',
      labelNames: ['app'],
      registers,
    });
    this.#vms = new Gauge({ name: 'thaw_vms', help: 'VMs, those of builds included.', registers });
    this.#slots = new Gauge({
      name: 'thaw_slots',
      help: 'Network slots: ready ones and used ones.',
      labelNames: ['state'],
      registers,
    });
    this.#templates = new Gauge({ name: 'thaw_templates', help: 'Frozen VMs on disk.', registers });
    this.#templateBytes = new Gauge({ name: 'thaw_template_bytes', help: 'What frozen VMs take on disk.', registers });
    this.#databases = new Gauge({
      name: 'thaw_databases',
      help: 'Databases, by state: stopped, starting, awake, asleep.',
      labelNames: ['state'],
      registers,
    });
    this.#databaseClients = new Gauge({
      name: 'thaw_database_clients',
      help: 'Clients that are connected to databases, those of sleeping ones included: direct or pooled.',
      labelNames: ['kind'],
      registers,
    });
  }

  async refresh(): Promise<void> {
    const { vms, slots, templates } = await this.#sources.facts();
    this.#vms.set(vms);
    this.#slots.set({ state: 'ready' }, slots.ready);
    this.#slots.set({ state: 'used' }, slots.used);
    this.#templates.set(templates.count);
    this.#templateBytes.set(templates.bytes);
    const label = this.#labels.once();
    // An app that has none any more is not told of.
    this.#instances.reset();
    for (const { app, state } of this.#sources.instances()) this.#instances.inc({ app: label(app), state });
    this.#waiting.reset();
    for (const { app, waiting } of this.#sources.queues()) this.#waiting.inc({ app: label(app) }, waiting);
    this.#databases.reset();
    this.#databaseClients.reset();
    for (const { state, connections } of this.#sources.databases?.() ?? []) {
      this.#databases.inc({ state });
      this.#databaseClients.inc({ kind: 'direct' }, connections.direct);
      this.#databaseClients.inc({ kind: 'pooled' }, connections.pooled);
    }
  }
}
