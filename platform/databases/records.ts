import type { Database, DatabaseAttachment } from './contract.ts';

/** What the control plane keeps of a database. */
export interface DatabaseRecord extends Omit<Database, 'state' | 'connections' | 'preview'> {
  /** With the app's id, for its name may be given again. */
  preview: (NonNullable<Database['preview']> & { appId: string }) | null;
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
  /** @throws ThawError `not_found` when there is no such project, `conflict` when the name is taken, `quota_exceeded` */
  add(database: DatabaseRecord): Promise<void>;
  update(
    id: string,
    change: Partial<Pick<DatabaseRecord, 'status' | 'disk' | 'idleSeconds' | 'keepAwake' | 'password'>>,
  ): Promise<void>;
  drop(id: string): Promise<void>;
  /** All there are, in order of creation. */
  all(): Promise<DatabaseRecord[]>;
  /**
   * Gives a database to a target of an app, instead of the one that has it now.
   *
   * @param database its id @throws ThawError `not_found` when the project has no such app
   */
  attach(database: string, to: Omit<DatabaseAttachment, 'database'>): Promise<void>;
  /** Takes it away from all targets of an app. */
  detach(database: string, app: string): Promise<void>;
  /** Those of a database, by its id, or of an app, by its id too. */
  attachments(of: { database: string } | { app: string }): Promise<DatabaseAttachment[]>;
}
