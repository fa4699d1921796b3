import { and, asc, desc, eq, isNotNull, sql } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import type { VolumeRecord, VolumeRecords, VolumeSnapshotRecord } from '../volumes/records.ts';
import { PRODUCTION_BRANCH } from './contract.ts';
import type { Database } from './db/open.ts';
import { apps, branches, deployments, projects } from './db/schema.ts';
import { violated } from './db/violation.ts';
import { volumeSnapshots, volumes } from './db/volume-schema.ts';
import { newId } from './ids.ts';
import { requireVolumeName } from './names.ts';
import type { ControlParts } from './parts.ts';
import { lockProject, projectIdOf } from './project-row.ts';
import { quotaExceeded } from './quota.ts';
import { volumeUse } from './volume-use.ts';

export function createVolumes({ db, clock, random }: ControlParts): VolumeRecords {
  const query = (tx: Database = db) =>
    tx
      .select({ row: volumes, project: projects.name, app: apps.name })
      .from(volumes)
      .innerJoin(projects, eq(volumes.projectId, projects.id))
      .leftJoin(apps, eq(volumes.appId, apps.id));

  const byId = async (tx: Database, id: string, name: string): Promise<VolumeRecord> => {
    const [found] = await query(tx).where(eq(volumes.id, id));
    if (found === undefined) throw noSuchVolume(name);
    return toRecord(found);
  };

  /** Changes a row; the project is locked first where it may come to more of it. */
  const change = (volume: VolumeRecord, to: Partial<typeof volumes.$inferInsert>) =>
    db.transaction(async (tx) => {
      const { id: projectId, limits } = await lockProject(tx, volume.project);
      if (to.sizeMiB !== undefined) await within(tx, volume.project, projectId, limits, to.sizeMiB - volume.sizeMiB);
      await tx.update(volumes).set(to).where(eq(volumes.id, volume.id));
      return byId(tx, volume.id, volume.name);
    });

  return {
    add({ project, name, disk, sizeMiB }) {
      requireVolumeName(name);
      return db.transaction(async (tx) => {
        const { id: projectId, limits } = await lockProject(tx, project);
        await within(tx, project, projectId, limits, sizeMiB, 1);
        const row = { id: newId(random, 'v', 12), projectId, name, disk, sizeMiB, createdAt: clock() };
        await tx
          .insert(volumes)
          .values(row)
          .catch(taken('volumes_name', `There is a volume called ${name} already.`));
        return byId(tx, row.id, name);
      });
    },

    async list(project) {
      const rows = await query()
        .where(project === null ? undefined : eq(projects.name, project))
        .orderBy(asc(projects.name), asc(volumes.name));
      return rows.map(toRecord);
    },

    async get(project, name) {
      const [found] = await query().where(and(eq(projects.name, project), eq(volumes.name, name)));
      if (found === undefined) throw noSuchVolume(name);
      return toRecord(found);
    },

    resize: (volume, sizeMiB) => change(volume, { sizeMiB }),

    replace: (volume, disk, sizeMiB) => change(volume, { disk, sizeMiB }),

    async attach(volume, to) {
      if (to === null) return change(volume, { appId: null, path: null });
      const [app] = await db
        .select({ id: apps.id })
        .from(apps)
        .where(and(eq(apps.name, to.app), eq(apps.projectId, await projectIdOf(db, volume.project))));
      if (app === undefined) throw new ThawError('not_found', `There is no app called ${to.app}.`);
      return change(volume, { appId: app.id, path: to.path });
    },

    remove(volume) {
      return db.transaction(async (tx) => {
        const gone = await tx
          .delete(volumeSnapshots)
          .where(eq(volumeSnapshots.volumeId, volume.id))
          .returning({ disk: volumeSnapshots.disk });
        const [row] = await tx.delete(volumes).where(eq(volumes.id, volume.id)).returning({ disk: volumes.disk });
        return [...(row === undefined ? [] : [row.disk]), ...gone.map(({ disk }) => disk)];
      });
    },

    addSnapshot(volume, snapshot) {
      requireVolumeName(snapshot.name);
      return db.transaction(async (tx) => {
        const { id: projectId, limits } = await lockProject(tx, volume.project);
        await within(tx, volume.project, projectId, limits, snapshot.sizeMiB);
        const row = { ...snapshot, volumeId: volume.id, createdAt: clock() };
        const message = `The volume ${volume.name} has a snapshot called ${snapshot.name} already.`;
        await tx.insert(volumeSnapshots).values(row).catch(taken('volume_snapshots_name', message));
        return toSnapshot(row, volume);
      });
    },

    async snapshots(volume) {
      const rows = await db
        .select()
        .from(volumeSnapshots)
        .where(eq(volumeSnapshots.volumeId, volume.id))
        .orderBy(desc(volumeSnapshots.seq));
      return rows.map((row) => toSnapshot(row, volume));
    },

    async snapshot(volume, name) {
      const [row] = await db.select().from(volumeSnapshots).where(ofName(volume, name));
      if (row === undefined) {
        throw new ThawError('not_found', `The volume ${volume.name} has no snapshot called ${name}.`, {
          hint: `\`thaw volume snapshots ${volume.name}\` shows those that there are.`,
        });
      }
      return toSnapshot(row, volume);
    },

    async removeSnapshot(volume, name) {
      await db.delete(volumeSnapshots).where(ofName(volume, name));
    },

    async disks() {
      const [own, kept] = await Promise.all([
        db.select({ disk: volumes.disk }).from(volumes),
        db.select({ disk: volumeSnapshots.disk }).from(volumeSnapshots),
      ]);
      return new Set([...own, ...kept].map(({ disk }) => disk));
    },

    requireRoom(project, more) {
      return db.transaction(async (tx) => {
        const { id, limits } = await lockProject(tx, project);
        await within(tx, project, id, limits, more.sizeMiB, more.volumes);
      });
    },

    async inFront(project) {
      const rows = await db
        .select({ project: projects.name, app: apps.name, run: deployments.run })
        .from(branches)
        .innerJoin(deployments, eq(branches.deploymentId, deployments.id))
        .innerJoin(apps, eq(branches.appId, apps.id))
        .innerJoin(projects, eq(apps.projectId, projects.id))
        .where(
          and(
            eq(branches.name, PRODUCTION_BRANCH),
            isNotNull(sql`${deployments.run} -> 'mounts'`),
            project === null ? undefined : eq(projects.name, project),
          ),
        );
      return rows.flatMap(({ run, ...whose }) =>
        (run?.mounts ?? []).map(({ volume, path }) => ({ ...whose, volume, path })),
      );
    },
  };
}

/** @throws ThawError `quota_exceeded` when so much more is more than the project may have */
async function within(
  tx: Database,
  project: string,
  projectId: string,
  limits: { volumes: number | null; volumeMiB: number | null },
  moreMiB: number,
  more = 0,
): Promise<void> {
  const { volumes: count, volumeMiB } = await volumeUse(tx, projectId);
  if (limits.volumes !== null && more > 0 && count + more > limits.volumes) {
    throw quotaExceeded(project, 'volumes', limits.volumes);
  }
  if (limits.volumeMiB !== null && moreMiB > 0 && volumeMiB + moreMiB > limits.volumeMiB) {
    throw quotaExceeded(project, 'volumeMiB', limits.volumeMiB);
  }
}

function taken(constraint: string, message: string) {
  return (error: unknown): never => {
    if (violated(error) !== constraint) throw error;
    throw new ThawError('conflict', message, { hint: 'Choose another name.', cause: error });
  };
}

function ofName(volume: VolumeRecord, name: string) {
  return and(eq(volumeSnapshots.volumeId, volume.id), eq(volumeSnapshots.name, name));
}

function noSuchVolume(name: string): ThawError {
  return new ThawError('not_found', `There is no volume called ${name}.`, {
    hint: `\`thaw volume create ${name} --size 1GB\` makes one.`,
  });
}

interface Found {
  row: typeof volumes.$inferSelect;
  project: string;
  app: string | null;
}

function toRecord({ row, project, app }: Found): VolumeRecord {
  const { id, name, disk, sizeMiB, path, createdAt } = row;
  const attached = app === null || path === null ? null : { app, path };
  return { id, project, name, disk, sizeMiB, attached, createdAt: createdAt.toISOString() };
}

type SnapshotRow = Omit<typeof volumeSnapshots.$inferSelect, 'seq'>;

function toSnapshot({ name, disk, sizeMiB, createdAt }: SnapshotRow, volume: VolumeRecord): VolumeSnapshotRecord {
  return { volume: volume.name, name, disk, sizeMiB, createdAt: createdAt.toISOString() };
}
