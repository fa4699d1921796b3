import type { Lasting, Watcher } from './lasting.ts';
import type { EdgeParts, Instance, Start } from './parts.ts';
import type { Resident } from './resident.ts';
import type { Connections } from './wire/connections.ts';

/** One request's place on an instance. Give it back with `release`, always. */
export interface Lease extends Watcher {
  readonly instance: Instance;
  readonly connections: Connections;
  readonly start: Start;
  /** When the place was there, on the edge's clock. */
  readonly placed: number;
  /** How long before that an instance was being thawed for it, in milliseconds; 0 for one that was running. */
  readonly thawMs: number;
  /** The request became a connection that stays; it no longer counts as a request once all instances are up. */
  last(lasting: Lasting): void;
  /** The instance does not answer as it should: no more requests to it, and it ends once nothing uses it. */
  retire(reason: string): void;
  /** Gives the place back; once is enough, more does nothing. */
  release(): void;
}

/** Where an instance belongs: told what becomes of the places on it. */
interface Home {
  readonly gate: { readonly waiting: number; changed(): void; freed(): void };
  readonly slumber: { stir(resident: Resident): void };
  settle(resident: Resident): void;
  dismiss(resident: Resident): void;
  fill(): void;
}

/** @param thawMs how long an instance was being thawed for it; undefined = a place was free */
export function leaseOn(
  home: Home,
  resident: Resident,
  thawMs: number | undefined,
  { now, log }: Pick<EdgeParts, 'now' | 'log'>,
): Lease {
  let held: 'request' | Lasting | undefined = 'request';
  return {
    instance: resident.instance,
    connections: resident.connections,
    start: thawMs === undefined ? 'warm' : resident.instance.resumed === true ? 'resumed' : 'cold',
    placed: now(),
    thawMs: thawMs ?? 0,
    last: (lasting) => {
      if (held !== 'request') return;
      held = lasting;
      resident.requests -= 1;
      resident.join(lasting);
      if (home.gate.waiting > 0) home.gate.changed();
      home.settle(resident);
    },
    moved: () => {
      resident.movedAt = now();
    },
    stir: () => home.slumber.stir(resident),
    retire: (reason) => {
      if (resident.retired || resident.gone) return;
      resident.retired = true;
      log.warn({ app: resident.route.app, instance: resident.instance.id, reason }, 'instance retired');
      // What it is in the middle of may end well, but not hold on to it forever.
      clearTimeout(resident.idleTimer);
      resident.idleTimer = setTimeout(() => home.dismiss(resident), resident.route.limits.responseTimeoutMs);
      if (home.gate.waiting > 0) home.gate.changed();
      home.fill();
    },
    release: () => {
      if (held === undefined) return;
      if (held === 'request') resident.requests -= 1;
      else resident.part(held);
      held = undefined;
      if (resident.gone) return;
      home.gate.freed();
      home.settle(resident);
    },
  };
}
