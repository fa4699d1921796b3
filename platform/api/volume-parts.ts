import type { Volume, VolumeSnapshot } from '../volumes/contract.ts';

/** Volumes of a project, as the API needs them. All throw ThawErrors that say what is wrong. */
export interface Volumes {
  create(project: string, name: string, sizeMiB: number): Promise<Volume>;
  /** Of one project, or of all. */
  list(project: string | null): Promise<Volume[]>;
  get(project: string, name: string): Promise<Volume>;
  remove(project: string, name: string): Promise<void>;
  attach(project: string, name: string, to: { app: string; path: string }): Promise<Volume>;
  detach(project: string, name: string): Promise<Volume>;
  resize(project: string, name: string, sizeMiB: number): Promise<Volume>;
  snapshot(project: string, name: string, snapshot: string): Promise<VolumeSnapshot>;
  snapshots(project: string, name: string): Promise<VolumeSnapshot[]>;
  removeSnapshot(project: string, name: string, snapshot: string): Promise<void>;
  restore(project: string, name: string, snapshot: string, options: { stop: boolean }): Promise<Volume>;
  clone(project: string, name: string, to: string, snapshot?: string): Promise<Volume>;
  export(project: string, name: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  import(project: string, name: string, image: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Volume>;
}
