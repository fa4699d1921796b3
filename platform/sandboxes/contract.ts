/**
 * What a sandbox is, in plain data: a VM that an API user owns. This and
 * `records.ts` are all that other rooms see.
 */

import type { VolumeMount } from '../volumes/contract.ts';

/** `paused`: frozen with its memory and processes; it goes on when it is used. */
export type SandboxState = 'running' | 'paused' | 'ended';

/**
 * Why a sandbox is over: its time was up; somebody killed it; its machine took more memory than it may; its machine ended by
 * itself; or this host let it go, e.g. because it was rebooted.
 */
export type SandboxEndReason = 'ttl' | 'killed' | 'oom' | 'crashed' | 'host';

/** What a sandbox may reach; nothing that is not named. */
export interface SandboxEgress {
  /** Host names, `*.example.com` for all below; addresses, `198.51.100.0/24` or `198.51.100.7:22`; `registries`, `github`, `open`. */
  allow: string[];
}

/** Who may reach the ports of a sandbox at the edge: those who have a token, or everyone. */
export type SandboxPorts = 'private' | 'public';

export interface Sandbox {
  /** `s` and 15 lower-case letters or digits. */
  id: string;
  project: string;
  /** `python`, or `name:version` for one of the project's own. */
  template: string;
  state: SandboxState;
  /** Null while it is not over. */
  endReason: SandboxEndReason | null;
  metadata: Record<string, string>;
  egress: SandboxEgress;
  ports: SandboxPorts;
  memoryMiB: number;
  /** Share of processors; parts of one are possible. */
  cpus: number;
  /** How long it lives from its creation, from `setTimeout` or from when it was resumed. */
  ttlSeconds: number;
  /** It is paused at the end of its time, not killed. */
  autoPause: boolean;
  /** The sandbox that it was forked from. */
  parent: string | null;
  /** ISO 8601. */
  createdAt: string;
  /** When its time is up; null while it is paused and once it is over. */
  endsAt: string | null;
  endedAt: string | null;
}

/** What is asked for; absent = the default. */
export interface SandboxRequest {
  /** `base`, `node`, `python`; or the name of one of the project's own, with or without `:version`. Default `base`. */
  template?: string | undefined;
  ttlSeconds?: number | undefined;
  autoPause?: boolean | undefined;
  metadata?: Record<string, string> | undefined;
  environment?: Record<string, string> | undefined;
  egress?: SandboxEgress | undefined;
  ports?: SandboxPorts | undefined;
  memoryMiB?: number | undefined;
  cpus?: number | undefined;
  /** Volumes of the project, in this sandbox until it is over. */
  volumes?: VolumeMount[] | undefined;
}

/** Which sandboxes are wanted; what is absent does not matter. */
export interface SandboxFilter {
  state?: SandboxState | undefined;
  /** All of these have to be there. */
  metadata?: Record<string, string> | undefined;
  /** Most that are told; the newest. */
  limit: number;
}

export interface SandboxEvent {
  type: 'created' | 'paused' | 'resumed' | 'ended';
  sandbox: string;
  project: string;
  /** ISO 8601. */
  at: string;
  /** Of `ended`. */
  reason?: SandboxEndReason;
}

/** A template that sandboxes of a project can be made from. */
export interface SandboxTemplate {
  name: string;
  /** Null for a built-in one. */
  version: number | null;
  /** Null for a built-in one: any that is allowed. */
  memoryMiB: number | null;
  cpus: number | null;
  /** Bytes that it takes on disk. */
  sizeBytes: number | null;
  createdAt: string | null;
}

/** A command for a sandbox. */
export interface SandboxCommand {
  argv: string[];
  cwd?: string | undefined;
  user?: 'app' | 'root' | undefined;
  /** Besides those of the sandbox, before which they go. */
  env?: Record<string, string> | undefined;
  timeoutMs: number;
  /** Output past this is dropped, and `truncated` is set. */
  maxOutputBytes?: number | undefined;
}

/** What a sandbox used at a moment. */
export interface UsageSample {
  /** ISO 8601. */
  at: string;
  /** Share of one processor since the sample before; 1 = a whole one. */
  cpu: number;
  memoryBytes: number;
  diskBytes: number;
  /** Since the sample before. */
  receivedBytes: number;
  sentBytes: number;
}

/** Leave to reach one port of a sandbox at the edge. */
export interface PortToken {
  token: string;
  /** ISO 8601. */
  expiresAt: string;
}
