import type { Connection } from './connection.ts';
import type { Environment } from './environment.ts';
import type { Output } from './output.ts';

/** What every command is handed. */
export interface Context {
  environment: Environment;
  out: Output;
  /** The server, connected to on first use. */
  connection(): Promise<Connection>;
  /** Fires when the user ends the command. */
  signal: AbortSignal;
  now(): Date;
}
