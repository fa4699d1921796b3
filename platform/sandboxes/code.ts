import { ThawError } from '../errors.ts';
import type { CodeEvent, CodeRequest } from './contract.ts';
import { execute } from './interpreter.ts';
import type { SandboxesParts } from './parts.ts';
import type { Using } from './using.ts';

/** Code in the kernels of sandboxes that have a code interpreter. Variables stay from call to call. */
export class SandboxCode {
  readonly #host: SandboxesParts['host'];
  readonly #using: Using;

  constructor({ host }: Pick<SandboxesParts, 'host'>, using: Using) {
    this.#host = host;
    this.#using = using;
  }

  /**
   * Runs code and tells what comes of it; leaving interrupts it. @throws ThawError `unprocessable` where there is no code
   * interpreter, `invalid_input` for a language that it does not have
   */
  async *run(id: string, project: string | null, request: CodeRequest, signal: AbortSignal): AsyncGenerator<CodeEvent> {
    const live = await this.#using.awake(id, project, signal);
    const address = this.#host.get(live.vm)?.address;
    if (address === undefined) throw new ThawError('gone', `The sandbox ${id} is over.`);
    yield* this.#using.each(live, signal, (both) => execute(address, request, both));
  }
}
