import { Counter, Histogram, type Registry } from 'prom-client';
import { type AppLabels, REST } from './app-labels.ts';

/** How an instance came to be there; `none` for a request that no instance answered. */
type Start = 'cold' | 'resumed' | 'warm';
const STARTS = ['cold', 'resumed', 'warm', 'none'] as const;
/** By the first digit; code may answer with any of three digits. */
const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'other'] as const;

/** Seconds. A warm answer takes milliseconds, a cold one under emulation up to seconds. */
const LATENCIES = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const PHASES = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const BUILDS = [1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600];

/** A request that is over. */
export interface RequestEvent {
  /** Undefined: it named no app. */
  app: string | undefined;
  status: number;
  start: Start | undefined;
  /** Milliseconds from its head to the beginning of its answer; undefined when there was none. */
  answeredMs: number | undefined;
}

/** An instance that was thawed or woken, or was not. */
export interface ThawEvent {
  start: 'cold' | 'resumed';
  outcome: 'ready' | 'failed' | 'cancelled';
  /** Milliseconds of each of its phases. */
  phases: Record<string, number>;
}

/** A build that is over. */
export interface BuildEvent {
  /** `ready`, or the code of what went wrong. */
  outcome: string;
  ms: number;
}

/** What became of a database, or of a connection to one. Times in milliseconds. */
export type DatabaseEvent =
  | { kind: 'connected' }
  | { kind: 'refused' }
  | { kind: 'awake'; ms: number }
  | { kind: 'asleep'; ms: number };

/** What happened since the server started. No label but `app` takes values that users choose. */
export class Events {
  readonly #labels: AppLabels;
  readonly #requests: Counter<'app' | 'status' | 'start'>;
  /** By app, status and start, so that a request need not look for its series by its labels. */
  readonly #series = new Map<string, Counter.Internal>();
  readonly #unrouted: Counter<'status'>;
  readonly #latency: Map<string, Histogram.Internal<'start'>>;
  readonly #thaws: Counter<'start' | 'outcome'>;
  readonly #phases: Histogram<'start' | 'phase'>;
  readonly #builds: Counter<'outcome'>;
  readonly #buildTime: Histogram<'outcome'>;
  readonly #databaseConnections: Counter<'outcome'>;
  readonly #databaseTurns: Histogram<'turn'>;

  constructor(registry: Registry, labels: AppLabels) {
    const registers = [registry];
    this.#labels = labels;
    this.#requests = new Counter({
      name: 'thaw_requests_total',
      help: 'Requests that are over, by app, class of the status and how the instance came to be there.',
      labelNames: ['app', 'status', 'start'],
      registers,
    });
    this.#unrouted = new Counter({
      name: 'thaw_unrouted_requests_total',
      help: 'Requests that named no app.',
      labelNames: ['status'],
      registers,
    });
    const latency = new Histogram({
      name: 'thaw_request_latency_seconds',
      help: 'From the head of a request to the beginning of its answer.',
      labelNames: ['start'],
      buckets: LATENCIES,
      registers,
    });
    this.#latency = new Map(STARTS.map((start) => [start, latency.labels({ start })]));
    this.#thaws = new Counter({
      name: 'thaw_thaws_total',
      help: 'Instances that were thawed (cold) or woken (resumed).',
      labelNames: ['start', 'outcome'],
      registers,
    });
    this.#phases = new Histogram({
      name: 'thaw_phase_seconds',
      help: 'Where the time of thaws went.',
      labelNames: ['start', 'phase'],
      buckets: PHASES,
      registers,
    });
    this.#builds = new Counter({
      name: 'thaw_builds_total',
      help: 'Builds that are over, by outcome: ready, or the code of what went wrong.',
      labelNames: ['outcome'],
      registers,
    });
    this.#buildTime = new Histogram({
      name: 'thaw_build_seconds',
      help: 'How long builds took, waiting in line included.',
      labelNames: ['outcome'],
      buckets: BUILDS,
      registers,
    });
    this.#databaseConnections = new Counter({
      name: 'thaw_database_connections_total',
      help: 'Connections to databases, by outcome: connected or refused.',
      labelNames: ['outcome'],
      registers,
    });
    this.#databaseTurns = new Histogram({
      name: 'thaw_database_turn_seconds',
      help: 'How long databases took to come up (awake) and to fall asleep (asleep).',
      labelNames: ['turn'],
      buckets: PHASES,
      registers,
    });
  }

  request({ app, status, start, answeredMs }: RequestEvent): void {
    const kind = start ?? 'none';
    const statusClass = STATUS_CLASSES[Math.floor(status / 100) - 1] ?? 'other';
    if (app === undefined) this.#unrouted.inc({ status: statusClass });
    else this.#seriesOf(this.#labels.of(app), statusClass, kind).inc();
    if (answeredMs !== undefined) this.#latency.get(kind)?.observe(answeredMs / 1000);
  }

  thaw({ start, outcome, phases }: ThawEvent): void {
    this.#thaws.inc({ start, outcome });
    for (const [phase, ms] of Object.entries(phases)) this.#phases.observe({ start, phase }, ms / 1000);
  }

  build({ outcome, ms }: BuildEvent): void {
    this.#builds.inc({ outcome });
    this.#buildTime.observe({ outcome: outcome === 'ready' ? outcome : 'failed' }, ms / 1000);
  }

  database(event: DatabaseEvent): void {
    if (event.kind === 'connected' || event.kind === 'refused') this.#databaseConnections.inc({ outcome: event.kind });
    else this.#databaseTurns.observe({ turn: event.kind }, event.ms / 1000);
  }

  /** An app was removed. */
  forget(app: string): void {
    this.#labels.forget(app);
    if (app === REST) return;
    for (const status of STATUS_CLASSES) {
      for (const start of STARTS) {
        this.#series.delete(`${app} ${status} ${start}`);
        this.#requests.remove({ app, status, start });
      }
    }
  }

  #seriesOf(app: string, status: string, start: string): Counter.Internal {
    const name = `${app} ${status} ${start}`;
    let series = this.#series.get(name);
    if (series === undefined) {
      series = this.#requests.labels({ app, status, start });
      this.#series.set(name, series);
    }
    return series;
  }
}
