import { collectDefaultMetrics, Registry } from 'prom-client';
import { AppLabels } from './app-labels.ts';
import { Events } from './events.ts';
import { State, type StateSources } from './state.ts';

export interface MetricsParts extends StateSources {
  /** Apps that have series of their own, the rest are `other`; default 2000. */
  mostApps?: number;
}

/** What one server measures, in the words of Prometheus. */
export interface Metrics {
  /** To be told of what happens. */
  readonly observe: Events;
  /** Everything, in the text format of Prometheus. */
  exposition(): Promise<{ type: string; text: string }>;
}

/** Begins to measure. Nothing is shared with another server in this process. */
export function openMetrics(parts: MetricsParts): Metrics {
  const registry = new Registry();
  const labels = new AppLabels(parts.mostApps);
  const observe = new Events(registry, labels);
  const state = new State(registry, labels, parts);
  collectDefaultMetrics({ register: registry });
  return {
    observe,
    async exposition() {
      await state.refresh();
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}
