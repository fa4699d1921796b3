import type { Control } from '../control/contract.ts';
import type { Host } from '../host/contract.ts';
import type { Log } from '../log.ts';
import type { StorePlace } from './backups/open-store.ts';
import type { Database } from './contract.ts';

/** Where clients connect: at the edge, and from the VMs of apps. */
export interface DatabaseAddresses {
  edge: { host: string; port: number };
  guest: { host: string; port: number };
}

/** All that the room is handed. */
export interface DatabasesParts {
  host: Host;
  control: Pick<Control, 'databases' | 'projects'>;
  addresses(): DatabaseAddresses;
  /** Clients at the edge. */
  connections(database: string): Database['connections'];
  /** Told what became of a database's VM. */
  changed(database: string, now: 'gone' | 'awake' | 'asleep'): void;
  /** Told that one was made or removed, or its settings changed. */
  listed(): void;
  /** Where backups are kept, and when they are made; absent = nowhere. */
  backups?: { place: StorePlace; everyMs: number; testMs: number };
  /** Default idle time. */
  idleSeconds: number;
  maxMemoryMiB: number;
  clock(): Date;
  random(size: number): Uint8Array;
  log: Log;
}
