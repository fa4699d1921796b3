import { DirectoryStore } from './directory.ts';
import { BucketStore } from './s3/bucket.ts';
import type { BucketPlace } from './s3/place.ts';
import type { BackupStore } from './store.ts';

/** Where backups are to be kept. */
export type StorePlace = { kind: 'directory'; path: string } | ({ kind: 'bucket' } & BucketPlace);

/** The store at a place; nothing is asked of it yet. */
export function openStore(place: StorePlace): BackupStore {
  return place.kind === 'directory' ? new DirectoryStore(place.path) : new BucketStore(place);
}
