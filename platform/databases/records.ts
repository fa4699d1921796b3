import type { Database } from './contract.ts';

/** What the control plane keeps of a database. */
export interface DatabaseRecord extends Omit<Database, 'state' | 'connections'> {
  /** Name of the first database in its cluster: its own, or for a branch that of the one that it was branched from. */
  dbname: string;
  /** `creating` and `removing` are unfinished: the next server takes them back or ends them. */
  status: 'creating' | 'ready' | 'removing';
  /** Of its owner; encrypted at rest. */
  password: string;
  /** What its backups are encrypted with; encrypted at rest. */
  backupKey: string;
  /** The host's disk that its data is on; null until there is one. */
  disk: string | null;
}

/** Databases in the control database. */
export interface DatabaseRecords {
  /** @throws ThawError `not_found` when there is no such project, `conflict` when the name is taken */
  add(database: DatabaseRecord): Promise<void>;
  update(
    id: string,
    change: Partial<Pick<DatabaseRecord, 'status' | 'disk' | 'idleSeconds' | 'keepAwake' | 'password'>>,
  ): Promise<void>;
  drop(id: string): Promise<void>;
  /** All there are, in order of creation. */
  all(): Promise<DatabaseRecord[]>;
}
