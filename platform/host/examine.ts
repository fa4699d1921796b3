import { execFile } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cgroupVersion } from './cgroup.ts';
import type { Finding } from './contract.ts';
import type { Verdict } from './vmm/accelerator.ts';
import { qemuVersion } from './vmm/qemu/driver.ts';

const GIB = 1024 ** 3;
/** Images take 2 GB, a template some hundred megabytes. */
const LEAST_DISK_BYTES = 5 * GIB;
const LEAST_MEMORY_BYTES = 1 * GIB;

/** Programs that a host calls, and the Debian or Ubuntu package that brings each. */
const TOOLS: Record<string, string> = {
  ip: 'iproute2',
  nft: 'nftables',
  nsenter: 'util-linux',
  sysctl: 'procps',
  'qemu-img': 'qemu-utils',
  git: 'git',
  npm: 'npm',
};

export interface Examined {
  data: string;
  images: string;
  /** Found out elsewhere, because a guest has to be booted for it; an error tells why that was not possible. */
  verdict: Verdict | Error;
  /** Addresses that a server would listen on; left out when one runs. */
  ports: { name: string; host: string; port: number }[];
}

/** Looks at everything that VMs need of this machine. Never throws: what cannot be found out is a lack. */
export async function examineHost(what: Examined): Promise<Finding[]> {
  return Promise.all([
    root(),
    virtualization(what.verdict),
    qemu(),
    tools(),
    cgroups(),
    reflink(what.data),
    disk(what.data),
    memory(),
    tun(),
    ...what.ports.map(port),
  ]);
}

function root(): Finding {
  return process.getuid?.() === 0
    ? { name: 'root', status: 'ok', detail: 'running as root' }
    : { name: 'root', status: 'lacking', detail: 'namespaces and taps need root', remedy: 'Run the server as root.' };
}

function virtualization(verdict: Verdict | Error): Finding {
  const name = 'virtualization';
  if (verdict instanceof Error) {
    return { name, status: 'lacking', detail: verdict.message, remedy: 'Run `npm run setup`.' };
  }
  if (verdict.accelerator === 'kvm') return { name, status: 'ok', detail: `KVM. ${verdict.reason}` };
  return {
    name,
    status: 'warning',
    detail: `emulation. ${verdict.reason}`,
    remedy: 'It works, several times slower. For speed use a machine with KVM (bare metal, or nested virtualization).',
  };
}

async function qemu(): Promise<Finding> {
  return qemuVersion().then(
    (version) => ({ name: 'qemu', status: 'ok' as const, detail: version.join('.') }),
    () => ({
      name: 'qemu',
      status: 'lacking' as const,
      detail: 'qemu-system-x86_64 is not installed',
      remedy: 'apt-get install qemu-system-x86',
    }),
  );
}

async function tools(): Promise<Finding> {
  const missing = await Promise.all(
    Object.keys(TOOLS).map((tool) =>
      promisify(execFile)('sh', ['-c', `command -v ${tool}`]).then(
        () => [],
        () => [tool],
      ),
    ),
  ).then((lists) => lists.flat());
  if (missing.length === 0) return { name: 'tools', status: 'ok', detail: Object.keys(TOOLS).join(', ') };
  const packages = missing.map((tool) => TOOLS[tool]).join(' ');
  return {
    name: 'tools',
    status: 'lacking',
    detail: `missing: ${missing.join(', ')}`,
    remedy: `apt-get install ${packages}`,
  };
}

async function cgroups(): Promise<Finding> {
  const version = await cgroupVersion();
  if (version) return { name: 'cgroups', status: 'ok', detail: `version ${version}: cpu, memory, pids` };
  return {
    name: 'cgroups',
    status: 'warning',
    detail: 'no hierarchy with the controllers cpu, memory and pids is mounted: VMs run without limits',
    remedy: 'Mount cgroup v2 at /sys/fs/cgroup.',
  };
}

async function reflink(data: string): Promise<Finding> {
  const parent = existsSync(data) ? data : existing(dirname(data));
  const scratch = await mkdtemp(join(parent, '.thaw-reflink-')).catch(() => undefined);
  if (scratch === undefined) {
    return { name: 'reflink', status: 'warning', detail: `${parent} cannot be written`, remedy: 'Set THAW_DATA.' };
  }
  try {
    await mkdir(scratch, { recursive: true });
    await writeFile(join(scratch, 'a'), 'x'.repeat(4096));
    await copyFile(join(scratch, 'a'), join(scratch, 'b'), constants.COPYFILE_FICLONE_FORCE);
    return { name: 'reflink', status: 'ok', detail: `the file system of ${data} shares blocks between copies` };
  } catch {
    return {
      name: 'reflink',
      status: 'warning',
      detail: `the file system of ${data} copies whole files`,
      remedy: 'For faster builds and forks put THAW_DATA and THAW_IMAGES on XFS or Btrfs.',
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function disk(data: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(existing(data));
  const free = bavail * bsize;
  const detail = `${(free / GIB).toFixed(1)} GiB free for ${data}`;
  if (free >= LEAST_DISK_BYTES) return { name: 'disk', status: 'ok', detail };
  return { name: 'disk', status: 'lacking', detail, remedy: 'Free at least 5 GiB, or set THAW_DATA elsewhere.' };
}

function memory(): Finding {
  const detail = `${(freemem() / GIB).toFixed(1)} of ${(totalmem() / GIB).toFixed(1)} GiB available`;
  if (freemem() >= LEAST_MEMORY_BYTES) return { name: 'memory', status: 'ok', detail };
  return { name: 'memory', status: 'warning', detail, remedy: 'A VM takes 256 MiB, a build 1 GiB.' };
}

function tun(): Finding {
  if (existsSync('/dev/net/tun')) return { name: 'tun', status: 'ok', detail: '/dev/net/tun' };
  return { name: 'tun', status: 'lacking', detail: '/dev/net/tun is missing', remedy: 'modprobe tun' };
}

async function port({ name, host, port }: Examined['ports'][number]): Promise<Finding> {
  const free = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
  if (free) return { name: `port ${port}`, status: 'ok', detail: `${host}:${port} is free for the ${name}` };
  return {
    name: `port ${port}`,
    status: 'warning',
    detail: `something listens on ${host}:${port}, which the ${name} wants`,
    remedy: 'If it is no Thaw server, set THAW_API or THAW_EDGE to a free address.',
  };
}

function existing(path: string): string {
  return existsSync(path) || path === '/' ? path : existing(dirname(path));
}
