/**
 * What a volume is, in plain data: a disk of a project's own that outlives what it is mounted in. This and `records.ts` are
 * all that other rooms see.
 */

/** A volume and the directory in which it is seen. */
export interface VolumeMount {
  /** Name of the volume. */
  volume: string;
  /** Absolute path in the machine. */
  path: string;
}

/** Who has a volume now, awake or asleep. */
export type VolumeHolder = { app: string } | { sandbox: string };

export interface Volume {
  /** Unique in its project. */
  name: string;
  project: string;
  sizeMiB: number;
  /** What it takes on this machine. */
  usedMiB: number;
  /** The app that it was attached to; its next deployment has it. Null = none. */
  attached: { app: string; path: string } | null;
  /** The apps whose code in front has it, by their `thaw.toml` or because it was attached. */
  mounts: { app: string; path: string }[];
  /** Null = nobody. */
  holder: VolumeHolder | null;
  /** ISO 8601. */
  createdAt: string;
}

/** A volume as it was at a moment. */
export interface VolumeSnapshot {
  /** Unique within its volume. */
  name: string;
  volume: string;
  sizeMiB: number;
  usedMiB: number;
  createdAt: string;
}
