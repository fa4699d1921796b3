import type { Control } from '../control/contract.ts';
import type { Host } from '../host/contract.ts';
import type { Log } from '../log.ts';

/** All that the room is handed. */
export interface VolumesParts {
  host: Host;
  control: Pick<Control, 'volumes'>;
  /** Most MiB of one volume. */
  mostMiB: number;
  /** Lets the instance of an app end, after what is under way there; the next request starts another one. */
  stop(app: string): Promise<void>;
  log: Log;
}
