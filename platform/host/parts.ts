import type { Log } from '../log.ts';
import type { RuntimeName } from './contract.ts';
import type { Vmm } from './vmm/contract.ts';

export interface RuntimeImage {
  /** Raw root disk, never written to. */
  path: string;
  /** Of its definition. */
  hash: string;
  /** ISO 8601; with the hash it tells one build from another. */
  built: string;
  sizeBytes: number;
  /** Commands run once after a boot, before it is frozen: what they read is in memory in every clone. */
  warm: readonly (readonly string[])[];
  /** Program that is started after that, and runs in every clone. */
  service?: RuntimeService;
}

/** A program that belongs to a runtime image, supervised by the agent. */
export interface RuntimeService {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Where it listens when it is ready to be frozen. */
  port: number;
}

/** The kernel and the root disks that VMs start from; absolute paths of this host. */
export interface ImageSet {
  kernel: { path: string; release: string; commandLine: string };
  initramfs: { path: string; hash: string };
  images: Partial<Record<RuntimeName, RuntimeImage>>;
  agent: { version: string; hash: string };
}

/** What a host is made of. */
export interface HostParts {
  vmm: Vmm;
  /** Why this accelerator was chosen. */
  acceleratorReason: string;
  imageSet: ImageSet;
  /** Data directory: templates and VMs live below it. */
  data: string;
  /** Cache that outlives data directories: templates of runtime images live below it. */
  cache: string;
  serverId: string;
  slotsAhead: number;
  /** Path of the program that opens sockets in slots (`network/intercept`). */
  intercept: string;
  /** Resolver that names of guests are asked of; default: the first of this host's own. */
  resolver?: { address: string; port: number };
  log: Log;
}
