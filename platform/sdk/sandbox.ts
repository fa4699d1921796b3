import type { LogLine } from '../logs/contract.ts';
import type { SandboxEvent, SandboxTemplate, UsageSample } from '../sandboxes/contract.ts';
import { errorFromBody, ThawApiError } from './error.ts';
import { type CodeExecution, type CodeOptions, runCode } from './sandbox-code.ts';
import { SandboxCommands } from './sandbox-commands.ts';
import { SandboxFiles } from './sandbox-files.ts';
import type {
  CommandEvent,
  CommandResult,
  CreateOptions,
  ExecOptions,
  Listeners,
  SandboxInfo,
} from './sandbox-types.ts';
import { type ListOptions, Sandboxes } from './sandboxes.ts';
import { fromSurroundings, type ServerOptions } from './surroundings.ts';
import { type CallOptions, Transport } from './transport.ts';

/** Above a command's own limit, so that the server's answer comes first. */
const GRACE_MS = 30_000;
const DEFAULT_TIMEOUT_S = 60;

/**
 * A machine of one's own for code that is not trusted.
 *
 * ```ts
 * await using sandbox = await Sandbox.create({ template: 'python', ttlSeconds: 300 });
 * const { stdout, exitCode } = await sandbox.exec("python3 -c 'print(sum(range(100)))'", { timeoutSeconds: 30 });
 * ```
 *
 * Every call rejects with a `ThawApiError`: `gone` when the sandbox is over, and `info.endReason` tells why.
 */
export class Sandbox implements AsyncDisposable {
  readonly id: string;
  readonly commands: SandboxCommands;
  readonly files: SandboxFiles;
  readonly #transport: Transport;
  #info: SandboxInfo;

  /** @internal made by `create`, `get` and `list` */
  constructor(transport: Transport, info: SandboxInfo) {
    this.id = info.id;
    this.commands = new SandboxCommands(transport, info.id);
    this.files = new SandboxFiles(transport, info.id);
    this.#transport = transport;
    this.#info = info;
  }

  /** Makes a sandbox. Address and key are those given, else `THAW_URL` and `THAW_API_KEY`. */
  static create(options: CreateOptions & ServerOptions = {}): Promise<Sandbox> {
    const { url, apiKey, fetch, timeoutMs, ...request } = options;
    return connect({ url, apiKey, fetch, timeoutMs }).create(request);
  }

  /** One that is there, or is over and still known. */
  static get(id: string, options: ServerOptions = {}): Promise<Sandbox> {
    const { signal, ...server } = options;
    return connect(server).get(id, { signal });
  }

  /** The sandboxes that the key may see, newest first. */
  static list(options: ListOptions & ServerOptions = {}): Promise<Sandbox[]> {
    const { url, apiKey, fetch, timeoutMs, ...filter } = options;
    return connect({ url, apiKey, fetch, timeoutMs }).list(filter);
  }

  /** What was last heard of it. */
  get info(): SandboxInfo {
    return this.#info;
  }

  /** Asks how it is now. */
  async refresh(options: CallOptions = {}): Promise<SandboxInfo> {
    return this.#learn(await this.#transport.json({ ...options, path: this.#path() }));
  }

  /** Runs a command to its end. A line is for `/bin/sh`; a list is a program and its arguments. */
  async exec(command: string | readonly string[], options: ExecOptions & Listeners = {}): Promise<CommandResult> {
    const { signal, onStdout, onStderr, ...rest } = options;
    if (onStdout !== undefined || onStderr !== undefined) {
      return gathered(this.stream(command, { signal, ...rest }), { onStdout, onStderr });
    }
    const seconds = rest.timeoutSeconds ?? DEFAULT_TIMEOUT_S;
    return await this.#transport.json({
      signal,
      method: 'POST',
      path: this.#path('exec'),
      query: { wait: 'true' },
      json: { ...rest, command },
      timeoutMs: seconds * 1000 + GRACE_MS,
    });
  }

  /** Runs a command and tells what it writes as it comes, its end last. Leaving the loop kills it. */
  stream(
    command: string | readonly string[],
    options: ExecOptions = {},
  ): AsyncGenerator<CommandEvent, void, undefined> {
    return this.#events<string>(command, options, 'utf8');
  }

  /** The same, with what it writes as bytes. */
  async *streamBytes(
    command: string | readonly string[],
    options: ExecOptions = {},
  ): AsyncGenerator<CommandEvent<Uint8Array>, void, undefined> {
    for await (const event of this.#events<string>(command, options, 'base64')) {
      if (event.type === 'exit') yield event;
      else yield { type: event.type, data: Uint8Array.from(atob(event.data), (char) => char.charCodeAt(0)) };
    }
  }

  /**
   * Runs code in the kernel of a sandbox made from `code-interpreter`; variables stay from call to call.
   *
   * @throws ThawApiError `unprocessable` where there is no code interpreter
   */
  runCode(code: string, options: CodeOptions = {}): Promise<CodeExecution> {
    return runCode(this.#transport, this.id, code, options);
  }

  /** Its time is up so many seconds from now. */
  async setTimeout(ttlSeconds: number, options: CallOptions = {}): Promise<SandboxInfo> {
    return this.#post('timeout', { ttlSeconds }, options);
  }

  /** Changes what it may reach, from now on; connections that it may no longer have are cut. */
  async setEgress(allow: string[], options: CallOptions = {}): Promise<SandboxInfo> {
    const call = { ...options, method: 'PUT', path: this.#path('egress'), json: { allow } } as const;
    return this.#learn(await this.#transport.json(call));
  }

  /** What happened to it, oldest line first: each connection that it may not have. */
  async *logs(
    options: CallOptions & { limit?: number; follow?: boolean } = {},
  ): AsyncGenerator<LogLine, void, undefined> {
    const { limit, follow, ...call } = options;
    const query = { limit, follow: follow === true ? 1 : undefined };
    const lines = this.#transport.lines<LogLine | { error: unknown }>({ ...call, path: this.#path('logs'), query });
    for await (const line of lines) {
      if ('error' in line) throw errorFromBody(line, 200, undefined);
      yield line;
    }
  }

  /** Freezes it with its memory and processes. Using it lets it go on. */
  async pause(options: CallOptions = {}): Promise<SandboxInfo> {
    return this.#post('pause', undefined, options);
  }

  async resume({ ttlSeconds, ...options }: CallOptions & { ttlSeconds?: number } = {}): Promise<SandboxInfo> {
    return this.#post('resume', { ttlSeconds }, options);
  }

  /** Copies it so often, disk and memory, running processes included. */
  async fork(count = 1, options: CallOptions & { ttlSeconds?: number } = {}): Promise<Sandbox[]> {
    const { ttlSeconds, ...call } = options;
    const { sandboxes } = await this.#transport.json<{ sandboxes: SandboxInfo[] }>({
      ...call,
      method: 'POST',
      path: this.#path('fork'),
      json: { count, ttlSeconds },
    });
    return sandboxes.map((info) => new Sandbox(this.#transport, info));
  }

  /** Copies it into the next version of a template; it goes on. */
  async snapshot(name: string, options: CallOptions = {}): Promise<SandboxTemplate> {
    return await this.#transport.json({ ...options, method: 'POST', path: this.#path('snapshot'), json: { name } });
  }

  /** Ends it. One that is over stays as it ended. */
  async kill(options: CallOptions = {}): Promise<SandboxInfo> {
    return this.#learn(await this.#transport.json({ ...options, method: 'DELETE', path: this.#path() }));
  }

  /** Where a port is reached, with a token while ports are private: as it stands, or `token` as the header `x-thaw-token`. */
  async port(
    port: number,
    { ttlSeconds, ...options }: CallOptions & { ttlSeconds?: number } = {},
  ): Promise<{ url: string; token: string; expiresAt: string }> {
    const path = this.#path('ports', String(port), 'token');
    return await this.#transport.json({ ...options, method: 'POST', path, json: { ttlSeconds } });
  }

  /** What it used in the last hour, oldest first. */
  async usage(options: CallOptions = {}): Promise<UsageSample[]> {
    const { samples } = await this.#transport.json<{ samples: UsageSample[] }>({
      ...options,
      path: this.#path('metrics'),
    });
    return samples;
  }

  /** What becomes of it from now on, until it is over. */
  async *events(options: CallOptions = {}): AsyncGenerator<SandboxEvent, void, undefined> {
    for await (const { type, data } of this.#transport.events({ ...options, path: this.#path('events') })) {
      if (type === 'error') throw errorFromBody(data, 200, undefined);
      yield data as SandboxEvent;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill().then(() => undefined);
  }

  async *#events<Text>(
    command: string | readonly string[],
    { signal, ...options }: ExecOptions,
    encoding: 'utf8' | 'base64',
  ): AsyncGenerator<CommandEvent<Text>, void, undefined> {
    const events = this.#transport.lines<CommandEvent<Text> | { type: 'failed'; error: unknown }>({
      signal,
      method: 'POST',
      path: this.#path('exec'),
      json: { ...options, command, encoding },
    });
    let ended = false;
    for await (const event of events) {
      if (event.type === 'failed') throw errorFromBody(event, 200, undefined);
      ended ||= event.type === 'exit';
      yield event;
    }
    if (!ended)
      throw new ThawApiError('broken_answer', 'The server did not say how the command ended.', { status: 200 });
  }

  async #post(what: string, json: unknown, options: CallOptions): Promise<SandboxInfo> {
    return this.#learn(await this.#transport.json({ ...options, method: 'POST', path: this.#path(what), json }));
  }

  #learn(info: SandboxInfo): SandboxInfo {
    this.#info = info;
    return info;
  }

  #path(...more: string[]): string[] {
    return ['v1', 'sandboxes', this.id, ...more];
  }
}

/** All that a command tells, each piece told on as it comes. */
async function gathered(events: AsyncIterable<CommandEvent>, on: Listeners): Promise<CommandResult> {
  const written = { stdout: '', stderr: '' };
  for await (const event of events) {
    if (event.type === 'exit') {
      const { type: _, ...exit } = event;
      return { ...written, ...exit };
    }
    written[event.type] += event.data;
    (event.type === 'stdout' ? on.onStdout : on.onStderr)?.(event.data);
  }
  throw new ThawApiError('broken_answer', 'The server did not say how the command ended.', { status: 200 });
}

function connect(options: ServerOptions): Sandboxes<Sandbox> {
  return sandboxesOf(new Transport(fromSurroundings(options)));
}

/** The sandboxes of one server. */
export function sandboxesOf(transport: Transport): Sandboxes<Sandbox> {
  return new Sandboxes(transport, (info) => new Sandbox(transport, info));
}
