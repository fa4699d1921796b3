import type { PostgresEdge } from '../router/postgres/edge.ts';
import type { PostgresEdgeParts, PostgresRoute, Upstream } from '../router/postgres/parts.ts';
import type { Databases } from './databases/databases.ts';
import { PORTS } from './databases/guest.ts';
import type { DatabasesParts } from './databases/parts.ts';

/** What joins the databases and their edge, each of which needs the other. */
export class DatabaseEdge {
  #parts: { databases: Databases; edge: PostgresEdge } | undefined;

  /** From now on the one knows the other; databases that run are watched. */
  join(parts: { databases: Databases; edge: PostgresEdge }): void {
    this.#parts = parts;
    this.listed();
  }

  /** What the edge asks the databases. */
  readonly toDatabases: Pick<PostgresEdgeParts, 'resolve' | 'up' | 'sleep' | 'busyWith' | 'unreachable'> = {
    resolve: (endpoint) => this.#route(endpoint),
    // Whoever waits may give up; a database that recovers goes on all the same, else it would never be done.
    up: async (database) => upstream(await this.#joined.databases.up(database, new AbortController().signal)),
    unreachable: (database) => this.#joined.databases.revive(database),
    sleep: (database) => this.#joined.databases.sleep(database),
    busyWith: (database, signal) => this.#joined.databases.busyWith(database, signal),
  };

  /** What the databases tell the edge. */
  readonly toEdge: Pick<DatabasesParts, 'connections' | 'changed' | 'listed'> = {
    connections: (database) => this.#parts?.edge.connections(database) ?? { direct: 0, pooled: 0 },
    changed: (database, now) => {
      const address = this.#parts?.databases.address(database);
      this.#parts?.edge.changed(database, now, address === undefined ? undefined : upstream(address));
    },
    listed: () => this.listed(),
  };

  /** Sees to it that the edge has a watch on every database, so that it sleeps though nobody connects. */
  listed(): void {
    if (this.#parts === undefined) return;
    const { databases, edge } = this.#parts;
    const known = databases.endpoints();
    edge.keep(new Set(known.map(({ id }) => id)));
    for (const { endpoint, state } of known) {
      const id = databases.reachable(endpoint)?.id;
      if (id === undefined || (state !== 'awake' && state !== 'asleep')) continue;
      const address = databases.address(id);
      edge.watch(endpoint, state, address === undefined ? undefined : upstream(address));
    }
  }

  get #joined(): { databases: Databases; edge: PostgresEdge } {
    if (this.#parts === undefined) throw new Error('the edge of databases is not joined yet');
    return this.#parts;
  }

  #route(endpoint: string): PostgresRoute | undefined {
    const found = this.#parts?.databases.reachable(endpoint);
    if (found === undefined) return undefined;
    const { id, name, project, idleSeconds, keepAwake } = found;
    return {
      ...{ database: id, name, project },
      idleMs: idleSeconds * 1000,
      listenersKeepAwake: keepAwake.includes('listen'),
    };
  }
}

function upstream(address: string): Upstream {
  return { address, directPort: PORTS.direct, pooledPort: PORTS.pooled };
}
