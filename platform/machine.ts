import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readCatalogue } from '../runtime-images/catalogue.ts';
import { KERNEL_COMMAND_LINE } from '../runtime-images/kernel/command-line.ts';
import { type Config, readConfig } from './config.ts';
import { ThawError } from './errors.ts';
import type { ImageSet } from './host/parts.ts';
import { type Accelerator, chooseAccelerator, PROBE_LIMIT_MS, type Verdict } from './host/vmm/accelerator.ts';
import { findByArgument } from './host/vmm/process.ts';
import { openQemu, QEMU_BINARY, qemuVersion } from './host/vmm/qemu/driver.ts';
import { machineName } from './host/vms/start.ts';
import type { Log } from './log.ts';

/** A probe that cannot even clean up after itself is killed this long after its limit. */
const PROBE_GRACE_MS = 5_000;
/**
 * Run in every image before it is frozen: most command lines begin with a shell. It is in memory then and need not be read
 * from the disk, and so is what the agent needs to start a command.
 */
const SHELL = ['/bin/sh', '-c', 'true'];
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** What this machine starts VMs from: runtime images, and the programs that jail VMMs and open sockets in slots. */
export interface Machine {
  imageSet: ImageSet;
  launcher: string;
  intercept: string;
}

/** @throws ThawError `misconfigured` when setup has not been run */
export async function readMachine(images: string): Promise<Machine> {
  const { kernel, initramfs, images: disks, agent, launcher, intercept } = await readCatalogue(images);
  const warmed = Object.entries(disks).map(([name, disk]) => [name, { ...disk, warm: [SHELL, ...disk.warm] }]);
  return {
    imageSet: {
      kernel: { path: kernel.path, release: kernel.release, commandLine: KERNEL_COMMAND_LINE },
      initramfs: { path: initramfs.path, hash: kernel.hash },
      images: Object.fromEntries(warmed),
      agent,
    },
    launcher: launcher.path,
    intercept: intercept.path,
  };
}

/** The VMM with the accelerator that works on this machine. */
export async function openVmm(config: Config, machine: Machine, log: Log) {
  const verdict = await accelerator(config, log);
  return { vmm: await openQemu(machine.launcher, verdict.accelerator), verdict };
}

/** Which accelerator works here, tried once and remembered. */
export async function accelerator(config: Config, log: Log): Promise<Verdict> {
  return chooseAccelerator({
    wanted: config.accelerator,
    cache: config.images,
    vmm: (await qemuVersion()).join('.'),
    tryKvm: () => tryAccelerator('kvm', config),
    log,
  });
}

/**
 * Boots a guest to its agent in a process of its own, which can be killed when
 * the accelerator hangs.
 */
async function tryAccelerator(wanted: Accelerator, config: Config): Promise<void> {
  const data = await mkdtemp('/tmp/thaw-probe-');
  const env = { PATH: SYSTEM_PATH, THAW_ACCEL: wanted, THAW_DATA: join(data, 'd'), THAW_IMAGES: config.images };
  try {
    const probe = fileURLToPath(new URL('probe.ts', import.meta.url));
    const ended = await promisify(execFile)(process.execPath, [probe], {
      env,
      timeout: PROBE_LIMIT_MS + PROBE_GRACE_MS,
      killSignal: 'SIGKILL',
    }).catch((error: Error & { stderr?: string }) => error);
    if (!(ended instanceof Error)) return;
    const said = (ended as { stderr?: string }).stderr?.trim().split('\n').at(-1);
    throw new ThawError('unavailable', said || `it did not reach its agent within ${PROBE_LIMIT_MS / 1000} s.`);
  } finally {
    const left = await findByArgument(QEMU_BINARY, '-name', machineName(readConfig(env).serverId, ''));
    for (const { pid } of left.values()) process.kill(pid, 'SIGKILL');
    await rm(data, { recursive: true, force: true });
  }
}
