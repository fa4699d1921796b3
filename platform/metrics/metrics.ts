import { collectDefaultMetrics, Registry } from 'prom-client';
import { Events } from './events.ts';
import { State, type StateSources } from './state.ts';

/** What one server measures, in the words of Prometheus; nothing of it is shared with another server in this process. */
export class Metrics {
  /** To be told of what happens. */
  readonly events: Events;
  readonly #registry = new Registry();
  readonly #state: State;

  constructor(sources: StateSources) {
    this.events = new Events(this.#registry);
    this.#state = new State(this.#registry, sources);
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Everything, in the text format of Prometheus. */
  async exposition(): Promise<{ type: string; text: string }> {
    await this.#state.refresh();
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}
