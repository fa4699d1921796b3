import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { RuntimeName, Shape } from '../contract.ts';
import type { Overlays } from '../disk/overlay.ts';
import type { GuestAgent } from '../guest/agent.ts';
import { randomId } from '../ids.ts';
import { lockFile } from '../lock.ts';
import type { RuntimeService } from '../parts.ts';
import { freezeInto } from '../vms/freeze.ts';
import { type StartParts, startVm } from '../vms/start.ts';
import { dependenciesNow, sameShape } from './manifest.ts';
import type { StoredTemplate, TemplateStore } from './store.ts';

/** Longest a runtime image may take to boot to its agent; a minute and a half even on a loaded emulator. */
const BOOT_LIMIT_MS = 90_000;
const WARM_LIMIT_MS = 30_000;
/** Longest until an image's service listens; the largest loads Python's packages for a minute on a loaded emulator. */
const SERVICE_LIMIT_MS = 180_000;
const MIB = 1024 * 1024;
const KEY_LABEL = 'runtime-key';

export interface RuntimeTemplateParts extends StartParts {
  store: TemplateStore;
  overlays: Overlays;
  log: Log;
}

/**
 * The template of a booted runtime image, made when there is none for what is
 * here now. Servers that share the cache make it once between them.
 */
export async function runtimeTemplate(
  parts: RuntimeTemplateParts,
  runtime: RuntimeName,
  shape: Shape,
  signal?: AbortSignal,
): Promise<StoredTemplate> {
  const key = keyOf(parts, runtime, shape);
  const existing = () =>
    parts.store.list().find(({ manifest }) => manifest.labels[KEY_LABEL] === key && sameShape(manifest.shape, shape));
  const found = existing();
  if (found) return found;
  await using _lock = await lockFile(join(parts.store.directory, `${key}.lock`), signal);
  await parts.store.reload();
  return existing() ?? (await bootRuntime(parts, runtime, shape, key, signal));
}

function keyOf({ vmm, imageSet }: RuntimeTemplateParts, runtime: RuntimeName, shape: Shape): string {
  const depends = dependenciesNow(vmm.identity, imageSet, runtime);
  return createHash('sha256')
    .update(JSON.stringify([depends, runtime, shape]))
    .digest('hex')
    .slice(0, 16);
}

async function bootRuntime(
  parts: RuntimeTemplateParts,
  runtime: RuntimeName,
  shape: Shape,
  key: string,
  signal?: AbortSignal,
): Promise<StoredTemplate> {
  const image = parts.imageSet.images[runtime];
  if (!image) {
    throw new ThawError('misconfigured', `The runtime image ${runtime} is not on this machine.`, {
      hint: 'Run `npm run setup`.',
    });
  }
  const began = performance.now();
  const place = async (directory: string) => {
    const memory = join(directory, 'memory');
    await using handle = await open(memory, 'wx', 0o666);
    await handle.chmod(0o666);
    await handle.truncate(shape.memoryMiB * MIB);
    const disk = join(directory, 'disk.qcow2');
    await parts.overlays.create(disk, image.sizeBytes);
    return { memory: { path: memory, shared: true, readOnly: false }, disks: [disk, image.path] };
  };
  const limit = AbortSignal.timeout(BOOT_LIMIT_MS + (image.service === undefined ? 0 : SERVICE_LIMIT_MS));
  const both = signal ? AbortSignal.any([signal, limit]) : limit;
  await using vm = await startVm(
    parts,
    {
      id: randomId('i', 12),
      template: '',
      runtime,
      parents: [],
      shape,
      labels: {},
      egress: { mode: 'none' },
      memory: 'own',
      place,
    },
    signal,
  );
  try {
    await vm.agent.waitUntilUp(both);
    for (const argv of image.warm) await warm(vm.agent, argv, both);
    if (image.service !== undefined) await startService(vm.agent, image.service, both);
  } catch (cause) {
    signal?.throwIfAborted();
    const printed = await vm.machine.console().catch(() => '');
    const failed = image.service === undefined ? 'boot to its agent' : 'boot, or its service did not start';
    throw new ThawError('thaw_failed', `The runtime image ${runtime} did not ${failed}.`, {
      hint: '`thaw doctor` shows what this machine lacks.',
      cause: new Error(printed.slice(-2000), { cause }),
    });
  }
  const stored = await freezeInto(parts.store, vm, {
    labels: { [KEY_LABEL]: key },
    dependsOn: dependenciesNow(parts.vmm.identity, parts.imageSet, runtime),
  });
  parts.log.info({ runtime, shape, ms: Math.round(performance.now() - began) }, 'runtime image booted and frozen');
  return stored;
}

/** Runs one command to its end. What it prints and how it ends is of no interest: it only has to have read its files. */
async function warm(agent: GuestAgent, argv: readonly string[], signal: AbortSignal): Promise<void> {
  for await (const _ of agent.exec({ argv: [...argv], cwd: '/', timeoutMs: WARM_LIMIT_MS }, signal));
}

/** Starts the program that belongs to the image and waits until it is ready. @throws Error with what it wrote when it is not */
async function startService(agent: GuestAgent, service: RuntimeService, signal: AbortSignal): Promise<void> {
  const { argv, env, port } = service;
  await agent.startProcess({ argv: [...argv], env: { ...env } }, signal);
  const outcome = await agent.waitListening(port, SERVICE_LIMIT_MS, signal);
  if (outcome.listening) return;
  const said = await Array.fromAsync(agent.logs(0, false, signal), ({ line }) => line);
  throw new Error(`${argv.join(' ')}: ${JSON.stringify(outcome)}\n${said.join('\n')}`);
}
