import type { LogLine } from '../logs/contract.ts';
import type {
  PortToken,
  Sandbox,
  SandboxEgress,
  SandboxEvent,
  SandboxFilter,
  SandboxRequest,
  SandboxTemplate,
  UsageSample,
} from '../sandboxes/contract.ts';
import type { Code, Commands, FileTree } from './sandbox-work.ts';

/**
 * The sandboxes, as the API needs them. `project` is that of the key; null = of any. What is another project's is
 * `not_found`; what is used and is over is `gone`.
 */
export interface Sandboxes {
  readonly commands: Commands;
  readonly files: FileTree;
  readonly code: Code;
  create(request: SandboxRequest & { project: string }, signal: AbortSignal): Promise<Sandbox>;
  get(id: string, project: string | null): Promise<Sandbox>;
  list(project: string | null, filter: SandboxFilter): Promise<Sandbox[]>;
  kill(id: string, project: string | null): Promise<Sandbox>;
  setTimeout(id: string, project: string | null, ttlSeconds: number): Promise<Sandbox>;
  pause(id: string, project: string | null): Promise<Sandbox>;
  resume(
    id: string,
    project: string | null,
    options: { ttlSeconds?: number | undefined; signal: AbortSignal },
  ): Promise<Sandbox>;
  fork(
    id: string,
    project: string | null,
    options: { count: number; ttlSeconds?: number | undefined },
    signal: AbortSignal,
  ): Promise<Sandbox[]>;
  snapshot(id: string, project: string | null, name: string, signal: AbortSignal): Promise<SandboxTemplate>;
  readFile(
    id: string,
    project: string | null,
    file: { path: string; user: 'app' | 'root' },
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
  writeFile(
    id: string,
    project: string | null,
    file: { path: string; size: number; mode: number; bytes: AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<void>;
  getTree(id: string, project: string | null, path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  putTree(
    id: string,
    project: string | null,
    from: { path: string; tar: AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<void>;
  setEgress(id: string, project: string | null, egress: SandboxEgress): Promise<Sandbox>;
  logs(
    id: string,
    project: string | null,
    options: { limit: number; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<LogLine>;
  usage(id: string, project: string | null): Promise<UsageSample[]>;
  events(project: string | null, signal: AbortSignal): AsyncIterable<SandboxEvent>;
  eventsOf(id: string, project: string | null, signal: AbortSignal): AsyncIterable<SandboxEvent>;
  agentToken(id: string, project: string | null, signal: AbortSignal): Promise<PortToken>;
  templates(project: string | null): Promise<SandboxTemplate[]>;
  removeTemplate(project: string, named: string): Promise<SandboxTemplate[]>;
  portToken(id: string, project: string | null, port: number, ttlSeconds: number): Promise<PortToken>;
}
