import { createHash } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../log.ts';
import type { Template } from '../contract.ts';
import { dataFiles, type Manifest, manifestSchema, TEMPLATE_FILES } from './manifest.ts';

/** A template and where its files are. */
export interface StoredTemplate {
  manifest: Manifest;
  directory: string;
  /** Bytes that its files take on disk; memory and disks are sparse. */
  bytes: number;
  /** When a VM was last thawed from it, or it was made; milliseconds. The time of its manifest, so that it outlives the server. */
  usedAt: number;
}

/** What a template is made of before it has a manifest: files in a directory made by `begin`. */
export type Draft = Omit<Manifest, 'format' | 'state' | 'memory' | 'disk' | 'createdAt'>;

/** Unit of `blocks` in stat(2), whatever the file system's own is. */
const STAT_BLOCK = 512;
const UNFINISHED = '.making-';

/**
 * Templates in one directory, each in its own. A template is whole when its
 * manifest is there: the files are synced first, the manifest is written last,
 * then the directory gets its name.
 */
export class TemplateStore {
  /** Holds one directory per template. */
  readonly directory: string;
  readonly #log: Log;
  readonly #known = new Map<string, StoredTemplate>();
  readonly #damaged = new Set<string>();

  private constructor(directory: string, log: Log) {
    this.directory = directory;
    this.#log = log;
  }

  static async open(directory: string, log: Log): Promise<TemplateStore> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const store = new TemplateStore(directory, log);
    await store.reload();
    return store;
  }

  /** Reads the directory again: another server may have added templates to a shared one. */
  async reload(): Promise<void> {
    const names = (await readdir(this.directory)).filter((name) => name.startsWith('t_') && !this.#known.has(name));
    await Promise.all(
      names.map(async (name) => {
        const directory = join(this.directory, name);
        try {
          const text = await readFile(join(directory, TEMPLATE_FILES.manifest), 'utf8');
          const manifest = manifestSchema.parse(JSON.parse(text));
          await checkWhole(directory, manifest);
          this.#known.set(name, await measured(manifest, directory));
        } catch (error) {
          this.#damaged.add(name);
          this.#log.warn({ err: error, template: name }, 'a template is damaged and will be made again');
        }
      }),
    );
  }

  get(id: string): StoredTemplate | undefined {
    return this.#known.get(id);
  }

  list(): StoredTemplate[] {
    return [...this.#known.values()];
  }

  /** Makes the directory that a new template's files are put into. */
  async begin(id: string): Promise<string> {
    const directory = join(this.directory, `${UNFINISHED}${process.pid}-${id}`);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return directory;
  }

  /** Makes the files in `directory` a template. */
  async finish(directory: string, draft: Draft): Promise<StoredTemplate> {
    const { state, memory, disk } = TEMPLATE_FILES;
    for (const name of [state, memory, disk, ...dataFiles(draft)]) {
      await using handle = await open(join(directory, name), 'r');
      await handle.sync();
      // The launcher shows single files to single VMs; the directory is closed to all others.
      await chmod(join(directory, name), 0o666);
    }
    const stateBytes = await readFile(join(directory, state));
    const manifest: Manifest = {
      ...draft,
      format: 1,
      createdAt: new Date().toISOString(),
      state: { bytes: stateBytes.length, sha256: createHash('sha256').update(stateBytes).digest('hex') },
      memory: { bytes: (await stat(join(directory, memory))).size },
      disk: { bytes: (await stat(join(directory, disk))).size },
    };
    const path = join(directory, TEMPLATE_FILES.manifest);
    await writeFile(path, JSON.stringify(manifest, undefined, 2), { flush: true });
    const final = join(this.directory, draft.id);
    await rename(directory, final);
    await using parent = await open(this.directory, 'r');
    await parent.sync();
    const stored = await measured(manifest, final);
    this.#known.set(draft.id, stored);
    return stored;
  }

  /** Notes that a VM was thawed from it. */
  async touch({ manifest, directory }: StoredTemplate): Promise<void> {
    const known = this.#known.get(manifest.id);
    if (known === undefined) return;
    known.usedAt = Date.now();
    await utimes(join(directory, TEMPLATE_FILES.manifest), new Date(), new Date());
  }

  async remove(id: string): Promise<void> {
    this.#known.delete(id);
    const directory = join(this.directory, id);
    // The manifest first: what is left when this is interrupted is no template.
    await rm(join(directory, TEMPLATE_FILES.manifest), { force: true });
    await rm(directory, { recursive: true, force: true });
  }

  /** Removes damaged templates and what an ended process left unfinished; `over` says whether that process has ended. */
  async sweep(over: (pid: number) => boolean): Promise<void> {
    for (const name of await readdir(this.directory)) {
      const unfinished = name.startsWith(UNFINISHED) && over(Number.parseInt(name.slice(UNFINISHED.length), 10));
      if (unfinished || this.#damaged.has(name)) await rm(join(this.directory, name), { recursive: true, force: true });
    }
  }
}

/** Sizes of all files and the checksum of the small one; a memory file is too large to read at every start. */
async function checkWhole(directory: string, manifest: Manifest): Promise<void> {
  const state = await readFile(join(directory, TEMPLATE_FILES.state));
  const sum = createHash('sha256').update(state).digest('hex');
  const sizes = await Promise.all(
    [TEMPLATE_FILES.memory, TEMPLATE_FILES.disk, ...dataFiles(manifest)].map(
      async (name) => (await stat(join(directory, name))).size,
    ),
  );
  const { memory, disk, data = [] } = manifest;
  const wanted = [memory.bytes, disk.bytes, ...data.map(({ sizeBytes }) => sizeBytes)];
  if (sum !== manifest.state.sha256 || sizes.some((bytes, index) => bytes !== wanted[index])) {
    throw new Error('its files are not the ones that its manifest names');
  }
}

async function measured(manifest: Manifest, directory: string): Promise<StoredTemplate> {
  const { manifest: name, ...files } = TEMPLATE_FILES;
  const all = [...Object.values(files), ...dataFiles(manifest)];
  const found = await Promise.all(all.map((file) => stat(join(directory, file))));
  const bytes = found.reduce((sum, { blocks }) => sum + blocks * STAT_BLOCK, 0);
  return { manifest, directory, bytes, usedAt: (await stat(join(directory, name))).mtimeMs };
}

/** How a template looks to those outside the host. */
export function describeTemplate({ manifest, bytes, usedAt }: StoredTemplate): Template {
  const { id, shape, runtime, labels, diskBytes, createdAt } = manifest;
  return { id, shape, runtime, labels, diskBytes, createdAt, sizeBytes: bytes, usedAt: new Date(usedAt).toISOString() };
}
