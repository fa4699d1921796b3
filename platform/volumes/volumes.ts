import { ThawError } from '../errors.ts';
import type { DiskMount } from '../host/contract.ts';
import type { Volume, VolumeMount, VolumeSnapshot } from './contract.ts';
import { holderOf, MIB, ROLE, removeDisks, vmOf } from './disks.ts';
import { type ChosenMount, chooseMounts } from './mounting.ts';
import type { VolumesParts } from './parts.ts';
import type { MountInFront, VolumeRecord, VolumeSnapshotRecord } from './records.ts';
import { requirePath, requireSize } from './rules.ts';

const LABELS = { role: ROLE };
const LONGEST_NAME = 40;

/** Volumes, for those who ask on behalf of a project. */
export class Volumes {
  readonly #parts: VolumesParts;

  constructor(parts: VolumesParts) {
    this.#parts = parts;
  }

  /** @throws ThawError `invalid_input`, `conflict` for the name, `quota_exceeded` */
  async create(project: string, name: string, sizeMiB: number): Promise<Volume> {
    const { control, host } = this.#parts;
    requireSize(sizeMiB, this.#parts.mostMiB);
    await control.volumes.requireRoom(project, { volumes: 1, sizeMiB });
    const { id } = await host.createDisk({ sizeBytes: sizeMiB * MIB, labels: LABELS });
    return this.#keep(id, { project, name, sizeMiB });
  }

  /** Of one project, or of all. */
  async list(project: string | null): Promise<Volume[]> {
    const { volumes } = this.#parts.control;
    const [records, mounts] = await Promise.all([volumes.list(project), volumes.inFront(project)]);
    return Promise.all(records.map((record) => this.#shown(record, mounts)));
  }

  /** @throws ThawError `not_found` */
  async get(project: string, name: string): Promise<Volume> {
    return this.#shown(await this.#parts.control.volumes.get(project, name));
  }

  /**
   * Removes a volume with its snapshots.
   *
   * @throws ThawError `conflict` while it is attached, mounted by what is in front of an app, or in a machine
   */
  async remove(project: string, name: string): Promise<void> {
    const { volumes } = this.#parts.control;
    const record = await volumes.get(project, name);
    if (record.attached !== null) {
      throw new ThawError('conflict', `The volume ${name} is attached to ${record.attached.app}.`, {
        hint: `\`thaw volume detach ${name}\` detaches it.`,
      });
    }
    await this.#mustBeUnused(record);
    await removeDisks(this.#parts, await volumes.remove(record));
  }

  /**
   * Gives a volume to the next deployments of an app.
   *
   * @throws ThawError `conflict` when another app has it; `invalid_input` for the path; `not_found`
   */
  async attach(project: string, name: string, to: { app: string; path: string }): Promise<Volume> {
    const { volumes } = this.#parts.control;
    const record = await volumes.get(project, name);
    requirePath(to.path);
    const other = record.attached?.app ?? (await this.#mounts(record)).find(({ app }) => app !== to.app)?.app;
    if (other !== undefined && other !== to.app) throw hasIt(name, other);
    return this.#shown(await volumes.attach(record, to));
  }

  /** @throws ThawError `conflict` while the code in front of an app has it, or a machine does */
  async detach(project: string, name: string): Promise<Volume> {
    const { volumes } = this.#parts.control;
    const record = await volumes.get(project, name);
    if (record.attached === null) {
      throw new ThawError('conflict', `The volume ${name} is not attached.`, {
        hint: 'What a thaw.toml mounts is mounted until the app is pushed without it.',
      });
    }
    const vm = await vmOf(this.#parts.host, record.disk);
    if (vm !== undefined) throw inUse(name, holderOf(vm));
    return this.#shown(await volumes.attach(record, null));
  }

  /** Keeps a volume as it is at this moment; who has it goes on. @throws ThawError `conflict` for the name, `quota_exceeded` */
  async snapshot(project: string, name: string, snapshot: string): Promise<VolumeSnapshot> {
    const { control, host } = this.#parts;
    const record = await control.volumes.get(project, name);
    const { sizeMiB, disk } = record;
    await control.volumes.requireRoom(project, { volumes: 0, sizeMiB });
    const { id } = await host.createDisk({ sizeBytes: sizeMiB * MIB, labels: LABELS, from: { disk } });
    try {
      return await this.#shownSnapshot(
        await control.volumes.addSnapshot(record, { name: snapshot, disk: id, sizeMiB }),
      );
    } catch (error) {
      await removeDisks(this.#parts, [id]);
      throw error;
    }
  }

  async snapshots(project: string, name: string): Promise<VolumeSnapshot[]> {
    const { volumes } = this.#parts.control;
    const all = await volumes.snapshots(await volumes.get(project, name));
    return Promise.all(all.map((one) => this.#shownSnapshot(one)));
  }

  /** @throws ThawError `not_found` */
  async removeSnapshot(project: string, name: string, snapshot: string): Promise<void> {
    const { volumes } = this.#parts.control;
    const record = await volumes.get(project, name);
    const { disk } = await volumes.snapshot(record, snapshot);
    await volumes.removeSnapshot(record, snapshot);
    await removeDisks(this.#parts, [disk]);
  }

  /**
   * Makes a volume what it was at a snapshot; what was written since is gone.
   *
   * @param stop an app that has it is stopped for it, and starts again with the next request
   * @throws ThawError `conflict` while somebody has it
   */
  async restore(project: string, name: string, snapshot: string, { stop }: { stop: boolean }): Promise<Volume> {
    const { control, host } = this.#parts;
    const record = await control.volumes.get(project, name);
    const from = await control.volumes.snapshot(record, snapshot);
    const sizeMiB = Math.max(record.sizeMiB, from.sizeMiB);
    const holder = await vmOf(host, record.disk);
    const who = holder && holderOf(holder);
    if (stop && who && 'app' in who) await this.#parts.stop(who.app);
    else if (holder !== undefined) throw inUse(name, who ?? null);
    const sizeBytes = sizeMiB * MIB;
    const { id } = await host.createDisk({ sizeBytes, labels: LABELS, from: { disk: from.disk } });
    const restored = await control.volumes.replace(record, id, sizeMiB);
    // Somebody who came just before has the old one: then nothing is to have happened.
    const late = await vmOf(host, record.disk);
    if (late !== undefined) {
      await control.volumes.replace(record, record.disk, record.sizeMiB);
      await removeDisks(this.#parts, [id]);
      throw inUse(name, holderOf(late));
    }
    await removeDisks(this.#parts, [record.disk]);
    return this.#shown(restored);
  }

  /** Makes a volume of another one, as it is now or as it was at a snapshot. @throws ThawError as `create` does */
  async clone(project: string, name: string, to: string, snapshot?: string): Promise<Volume> {
    const { control, host } = this.#parts;
    const record = await control.volumes.get(project, name);
    const { disk, sizeMiB } = snapshot === undefined ? record : await control.volumes.snapshot(record, snapshot);
    await control.volumes.requireRoom(project, { volumes: 1, sizeMiB });
    const { id } = await host.createDisk({ sizeBytes: sizeMiB * MIB, labels: LABELS, from: { disk } });
    return this.#keep(id, { project, name: to, sizeMiB });
  }

  /** Makes a volume larger, also while it is used. @throws ThawError `invalid_input` for a smaller size, `quota_exceeded` */
  async resize(project: string, name: string, sizeMiB: number): Promise<Volume> {
    const { control, host } = this.#parts;
    const record = await control.volumes.get(project, name);
    requireSize(sizeMiB, this.#parts.mostMiB);
    if (sizeMiB < record.sizeMiB) {
      throw new ThawError('invalid_input', `The volume ${name} has ${record.sizeMiB} MiB and does not become smaller.`);
    }
    // Counted first: a record that says more than is true costs quota, one that says less would give it away.
    const grown = await control.volumes.resize(record, sizeMiB);
    await host.growDisk(record.disk, sizeMiB * MIB);
    return this.#shown(grown);
  }

  /** A volume as a raw ext4 image, packed with gzip; of one that is used, as it is at this moment. */
  async *export(project: string, name: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { control, host } = this.#parts;
    const { disk, sizeMiB } = await control.volumes.get(project, name);
    const { id } = await host.createDisk({ sizeBytes: sizeMiB * MIB, labels: LABELS, from: { disk } }, signal);
    try {
      yield* host.exportDisk(id, signal);
    } finally {
      await removeDisks(this.#parts, [id]);
    }
  }

  /** Makes a volume of what `export` gave, or of any raw ext4 image packed with gzip. @throws ThawError as `create` does */
  async import(project: string, name: string, image: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Volume> {
    const { control, host, mostMiB } = this.#parts;
    await control.volumes.requireRoom(project, { volumes: 1, sizeMiB: 0 });
    const { id, sizeBytes } = await host.importDisk({ labels: LABELS, mostBytes: mostMiB * MIB }, image, signal);
    return this.#keep(id, { project, name, sizeMiB: sizeBytes / MIB });
  }

  /** The volumes that a deployment gets. @throws ThawError as `chooseMounts` does */
  choose(whose: Parameters<typeof chooseMounts>[1], wanted: readonly VolumeMount[]): Promise<ChosenMount[]> {
    return chooseMounts(this.#parts, whose, wanted);
  }

  /** The disks behind mounts. @throws ThawError `not_found` */
  async disks(project: string, mounts: readonly VolumeMount[]): Promise<DiskMount[]> {
    const { volumes } = this.#parts.control;
    return Promise.all(
      mounts.map(async ({ volume, path }) => {
        requirePath(path);
        return { disk: (await volumes.get(project, volume)).disk, path };
      }),
    );
  }

  /** Makes the copies of volumes' disks that a fork got volumes, called after it. @throws ThawError `quota_exceeded` */
  async adopt(project: string, copies: { from: string; disk: string }[], fork: string): Promise<void> {
    const { control, host } = this.#parts;
    const all = await control.volumes.list(project);
    for (const { from, disk } of copies) {
      const original = all.find((one) => one.disk === from)?.name ?? 'volume';
      const name = `${original.slice(0, LONGEST_NAME - fork.length - 1)}-${fork}`;
      const found = await host.getDisk(disk);
      if (found === undefined) throw new ThawError('not_found', 'The disk of the fork is gone.');
      await control.volumes.add({ project, name, disk, sizeMiB: found.sizeBytes / MIB });
    }
  }

  async #keep(disk: string, volume: { project: string; name: string; sizeMiB: number }): Promise<Volume> {
    try {
      return await this.#shown(await this.#parts.control.volumes.add({ ...volume, disk }), []);
    } catch (error) {
      await removeDisks(this.#parts, [disk]);
      throw error;
    }
  }

  async #mounts({ project, name }: VolumeRecord): Promise<MountInFront[]> {
    const all = await this.#parts.control.volumes.inFront(project);
    return all.filter(({ volume }) => volume === name);
  }

  async #mustBeUnused(record: VolumeRecord): Promise<void> {
    const [mount] = await this.#mounts(record);
    if (mount !== undefined) throw hasIt(record.name, mount.app);
    const vm = await vmOf(this.#parts.host, record.disk);
    if (vm !== undefined) throw inUse(record.name, holderOf(vm));
  }

  async #shown(record: VolumeRecord, mounts?: MountInFront[]): Promise<Volume> {
    const { project, name, sizeMiB, attached, createdAt, disk } = record;
    const { host } = this.#parts;
    const [own, found, vm] = await Promise.all([mounts ?? this.#mounts(record), host.getDisk(disk), vmOf(host, disk)]);
    const usedMiB = Math.ceil((found?.usedBytes ?? 0) / MIB);
    const seen = own.filter((one) => one.project === project && one.volume === name);
    const inFront = seen.map(({ app, path }) => ({ app, path }));
    const holder = vm === undefined ? null : holderOf(vm);
    return { name, project, sizeMiB, usedMiB, attached, mounts: inFront, holder, createdAt };
  }

  async #shownSnapshot({ disk, ...snapshot }: VolumeSnapshotRecord): Promise<VolumeSnapshot> {
    const found = await this.#parts.host.getDisk(disk);
    return { ...snapshot, usedMiB: Math.ceil((found?.usedBytes ?? 0) / MIB) };
  }
}

function hasIt(name: string, app: string): ThawError {
  return new ThawError('conflict', `The app ${app} has the volume ${name}.`, {
    hint: `Push ${app} without the volume, or detach it and push again.`,
  });
}

function inUse(name: string, holder: ReturnType<typeof holderOf>): ThawError {
  const who =
    holder === null ? 'A machine' : 'app' in holder ? `The app ${holder.app}` : `The sandbox ${holder.sandbox}`;
  const hint =
    holder !== null && 'sandbox' in holder
      ? `\`thaw sandbox kill ${holder.sandbox}\` ends it.`
      : 'It has the volume while it runs and while it sleeps. A restore takes `--stop`; else push the app without the volume.';
  return new ThawError('conflict', `${who} has the volume ${name} in use.`, { hint });
}
