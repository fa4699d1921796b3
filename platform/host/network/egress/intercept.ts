import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { ThawError } from '../../../errors.ts';
import type { Log } from '../../../log.ts';

/** A packet that a slot's rules refused. */
export interface RefusedPacket {
  /** IP protocol number. */
  protocol: number;
  address: string;
  /** 0 where the protocol has none. */
  port: number;
}

/** What `intercept/main.go` says; see there. */
interface Said {
  slot: number;
  listening?: true;
  error?: string;
  refused?: RefusedPacket;
}

interface Opening {
  resolve(handle: unknown): void;
  reject(error: Error): void;
}

/**
 * The program that opens sockets inside slots. It is started with the first slot that needs it. When it dies, listeners
 * that were opened live on; only refused packets of their slots are not told of any more.
 */
export class Intercept implements AsyncDisposable {
  readonly #binary: string;
  readonly #log: Log;
  readonly #refused: (slot: number, packet: RefusedPacket) => void;
  readonly #openings = new Map<number, Opening>();
  #child: ChildProcess | undefined;

  /** @param binary path of the compiled program */
  constructor(binary: string, log: Log, refused: (slot: number, packet: RefusedPacket) => void) {
    this.#binary = binary;
    this.#log = log;
    this.#refused = refused;
  }

  /**
   * A listening socket in a slot's namespace that its rules divert connections to.
   *
   * @returns what `server.listen` takes
   * @throws ThawError `unavailable`
   */
  async open(slot: number, netns: string): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#openings.set(slot, { resolve, reject });
    this.#started().send({ slot, netns });
    return promise;
  }

  /** Forgets a slot. Its listener is the caller's. */
  close(slot: number): void {
    this.#child?.send({ slot, close: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const exited = once(child, 'exit');
    if (child.connected) child.disconnect();
    await exited;
  }

  #started(): ChildProcess {
    if (this.#child !== undefined) return this.#child;
    const child = spawn(this.#binary, [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: {} });
    this.#child = child;
    child.on('message', (said: Said, handle: unknown) => this.#hear(said, handle));
    child.on('error', (err) => this.#ended(child, err));
    child.on('exit', () => this.#ended(child, new Error('it ended')));
    return child;
  }

  #hear({ slot, listening, error, refused }: Said, handle: unknown): void {
    if (refused !== undefined) {
      this.#refused(slot, refused);
      return;
    }
    const opening = this.#openings.get(slot);
    this.#openings.delete(slot);
    if (listening && handle) opening?.resolve(handle);
    else opening?.reject(failure(new Error(error ?? 'no socket came')));
  }

  #ended(child: ChildProcess, cause: Error): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#log.warn({ err: cause }, 'the program that opens sockets in slots ended');
    for (const { reject } of this.#openings.values()) reject(failure(cause));
    this.#openings.clear();
  }
}

function failure(cause: Error): ThawError {
  return new ThawError('unavailable', 'A slot could not be opened for connections.', {
    hint: 'Run `npm run setup`. The kernel needs nft_tproxy and nfnetlink_log.',
    cause,
  });
}
