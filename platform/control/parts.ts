import type { Log } from '../log.ts';
import type { Database } from './db/open.ts';
import type { Random } from './ids.ts';
import type { Seal } from './sealed.ts';

/** What every noun of the control plane is made with. */
export interface ControlParts {
  db: Database;
  log: Log;
  clock: () => Date;
  random: Random;
  /** Encrypts environment values. */
  seal: Seal;
  /** To be called after each committed change of the routes. */
  routesChanged: () => void;
}
