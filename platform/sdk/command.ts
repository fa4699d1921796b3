import { errorFromBody, ThawApiError } from './error.ts';
import { InputQueue } from './input-queue.ts';
import type { CommandResult, Exit, OutputEvent, OutputOptions, TerminalSize } from './sandbox-types.ts';
import type { CallOptions, Transport } from './transport.ts';

/** A connection that breaks is made anew after these pauses, in milliseconds; output begins where it broke off. */
const PAUSES_MS = [100, 500, 1000, 2000, 4000];

type Told = OutputEvent | { type: 'start'; position: number } | { type: 'failed'; error: { code: string } };

/** A command that goes on by itself in a sandbox, whoever looks at it. */
export class Command {
  readonly pid: number;
  readonly #transport: Transport;
  readonly #path: readonly string[];
  readonly #input: InputQueue;

  /** @internal made by `start` and `connect` */
  constructor(transport: Transport, sandbox: string, pid: number) {
    this.pid = pid;
    this.#transport = transport;
    this.#path = ['v1', 'sandboxes', sandbox, 'commands', String(pid)];
    this.#input = new InputQueue((bytes, signal) => this.#send(bytes, false, signal));
  }

  /**
   * What it wrote, from position `after` on and as far as it is kept, what it writes, and its end, last. Leaving the loop
   * does not end the command, and it can be read again. A terminal's output is of the type `terminal`.
   */
  output(options: OutputOptions = {}): AsyncGenerator<OutputEvent, void, undefined> {
    return this.#events(options, 'utf8') as AsyncGenerator<OutputEvent, void, undefined>;
  }

  /** The same, with what it writes as bytes. */
  async *outputBytes(options: OutputOptions = {}): AsyncGenerator<OutputEvent<Uint8Array>, void, undefined> {
    for await (const event of this.#events(options, 'base64')) {
      if (event.type === 'exit') yield event;
      else yield { ...event, data: Uint8Array.from(atob(event.data), (char) => char.charCodeAt(0)) };
    }
  }

  /** Waits for its end. What it wrote comes too, as far as it is kept; a terminal's output is `stdout`. */
  async wait(options: CallOptions = {}): Promise<CommandResult> {
    const written = { stdout: '', stderr: '' };
    let exit: Exit | undefined;
    for await (const event of this.output(options)) {
      if (event.type === 'exit') {
        const { exitCode, signal, timedOut, truncated } = event;
        exit = { exitCode, signal, timedOut, truncated };
      } else written[event.type === 'stderr' ? 'stderr' : 'stdout'] += event.data;
    }
    if (exit !== undefined) return { ...written, ...exit };
    throw new ThawApiError('broken_answer', 'The server did not say how the command ended.', { status: 200 });
  }

  /** Writes to its input. Calls that are not waited for stay in order. @throws ThawApiError `unprocessable` when it takes none */
  write(data: string | Uint8Array, options: CallOptions = {}): Promise<void> {
    return this.#input.add(typeof data === 'string' ? new TextEncoder().encode(data) : data, options.signal);
  }

  /** Ends its input, after what was written. A terminal's input ends with `write('\x04')`. */
  async closeStdin(options: CallOptions = {}): Promise<void> {
    await this.#input.idle();
    await this.#send(new Uint8Array(), true, options.signal);
  }

  /**
   * Sends it a signal: to its process group, `SIGKILL` to all that it started.
   *
   * @returns false when it had ended
   */
  async kill(signal = 'SIGKILL', options: CallOptions = {}): Promise<boolean> {
    try {
      await this.#transport.json({ ...options, method: 'POST', path: [...this.#path, 'signal'], json: { signal } });
      return true;
    } catch (error) {
      if (error instanceof ThawApiError && error.code === 'not_found') return false;
      throw error;
    }
  }

  /** Tells its terminal its size, in characters. */
  async resize({ cols, rows }: TerminalSize, options: CallOptions = {}): Promise<void> {
    await this.#transport.json({ ...options, method: 'POST', path: [...this.#path, 'resize'], json: { cols, rows } });
  }

  async *#events(
    { after = 0, signal }: OutputOptions,
    encoding: 'utf8' | 'base64',
  ): AsyncGenerator<OutputEvent, void, undefined> {
    let position = after;
    let truncated = false;
    for (let tries = 0; ; tries += 1) {
      try {
        const query = { after: position, encoding };
        for await (const event of this.#transport.lines<Told>({ signal, path: [...this.#path, 'output'], query })) {
          if (event.type === 'failed') throw errorFromBody(event, 200, undefined);
          if (event.type === 'start') truncated ||= event.position > position;
          if (event.type === 'exit') return yield { ...event, truncated };
          tries = 0;
          position = event.position;
          if (event.type !== 'start') yield event;
        }
      } catch (error) {
        if (signal?.aborted || !isBroken(error)) throw error;
        if (tries >= PAUSES_MS.length) throw error;
      }
      // A server that stops ends its answers, and finds the command again when it is back.
      await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[tries] ?? 0));
    }
  }

  async #send(bytes: Uint8Array, end: boolean, signal: AbortSignal | undefined): Promise<void> {
    await this.#transport.json({
      signal,
      method: 'POST',
      path: [...this.#path, 'stdin'],
      query: { end: end ? 'true' : undefined },
      body: { type: 'application/octet-stream', bytes },
      unlimited: true,
    });
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof ThawApiError && (error.code === 'unreachable' || error.code === 'cancelled');
}
