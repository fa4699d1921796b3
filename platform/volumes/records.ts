/** What the control plane keeps of a volume. */
export interface VolumeRecord {
  /** `v` and 12 lower-case letters or digits; a name may be given again. */
  id: string;
  project: string;
  name: string;
  /** The host's disk. */
  disk: string;
  sizeMiB: number;
  attached: { app: string; path: string } | null;
  createdAt: string;
}

export interface VolumeSnapshotRecord {
  volume: string;
  name: string;
  disk: string;
  sizeMiB: number;
  createdAt: string;
}

/** A volume in the code that is in front of an app. */
export interface MountInFront {
  project: string;
  app: string;
  volume: string;
  path: string;
}

/** Volumes in the control database. `name` is that of a volume, within its project. */
export interface VolumeRecords {
  /** @throws ThawError `conflict` when the name is taken, `quota_exceeded`, `not_found` when there is no such project */
  add(volume: { project: string; name: string; disk: string; sizeMiB: number }): Promise<VolumeRecord>;
  /** Of one project, or of all; in the order of their names. */
  list(project: string | null): Promise<VolumeRecord[]>;
  /** @throws ThawError `not_found` */
  get(project: string, name: string): Promise<VolumeRecord>;
  /** @throws ThawError `quota_exceeded` */
  resize(volume: VolumeRecord, sizeMiB: number): Promise<VolumeRecord>;
  /** Puts another disk in its place. */
  replace(volume: VolumeRecord, disk: string, sizeMiB: number): Promise<VolumeRecord>;
  /** @throws ThawError `not_found` when the project has no such app */
  attach(volume: VolumeRecord, to: { app: string; path: string } | null): Promise<VolumeRecord>;
  /** Forgets it, with its snapshots. Returns the disks of all. */
  remove(volume: VolumeRecord): Promise<string[]>;
  /** @throws ThawError `conflict` when the name is taken, `quota_exceeded` */
  addSnapshot(
    volume: VolumeRecord,
    snapshot: { name: string; disk: string; sizeMiB: number },
  ): Promise<VolumeSnapshotRecord>;
  /** Newest first. */
  snapshots(volume: VolumeRecord): Promise<VolumeSnapshotRecord[]>;
  /** @throws ThawError `not_found` */
  snapshot(volume: VolumeRecord, name: string): Promise<VolumeSnapshotRecord>;
  removeSnapshot(volume: VolumeRecord, name: string): Promise<void>;
  /** Every disk that a volume or a snapshot has. */
  disks(): Promise<Set<string>>;
  /** Refuses what would go past the limits of a project. @throws ThawError `quota_exceeded`, `not_found` */
  requireRoom(project: string, more: { volumes: number; sizeMiB: number }): Promise<void>;
  /** Of one project, or of all. */
  inFront(project: string | null): Promise<MountInFront[]>;
}
