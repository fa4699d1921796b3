import { request } from 'node:http';
import type { Vm } from '../../platform/host/contract.ts';

/** On which the service of the image `code-interpreter` answers. */
export const INTERPRETER_PORT = 49999;

/** A line of the answer to `POST /execute`. */
export type Line =
  | { type: 'stdout' | 'stderr'; text: string; timestamp: number }
  | ({ type: 'result'; is_main_result: boolean } & Record<string, unknown>)
  | { type: 'error'; name: string; value: string; traceback: string }
  | { type: 'number_of_executions'; execution_count: number }
  | { type: 'end_of_execution'; truncated?: boolean };

export interface Answer {
  status: number;
  body: string;
}

/** Asks the service and gathers the answer. @throws the signal's reason, or what the connection did */
export async function call(
  vm: Pick<Vm, 'address'>,
  method: string,
  path: string,
  body?: unknown,
  { signal = AbortSignal.timeout(60_000), onData }: { signal?: AbortSignal; onData?: (text: string) => void } = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const at = { host: vm.address, port: INTERPRETER_PORT, method, path, agent: false, signal };
  const asking = request({ ...at, headers: { 'content-type': 'application/json' } });
  asking.once('error', reject);
  asking.once('response', (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      onData?.(piece);
    });
    answer.once('error', reject);
    answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body: text }));
  });
  asking.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
  return promise;
}

/** What one execution came to. */
export class Execution {
  readonly lines: Line[];

  constructor(lines: Line[]) {
    this.lines = lines;
  }

  #texts(type: 'stdout' | 'stderr'): string {
    return this.lines.flatMap((line) => (line.type === type ? [line.text] : [])).join('');
  }

  get stdout(): string {
    return this.#texts('stdout');
  }

  get stderr(): string {
    return this.#texts('stderr');
  }

  get results() {
    return this.lines.filter((line) => line.type === 'result');
  }

  /** The value of the last expression, as text. */
  get text(): unknown {
    return this.results.find((result) => result.is_main_result)?.text;
  }

  get error() {
    return this.lines.find((line) => line.type === 'error');
  }

  get end() {
    return this.lines.at(-1);
  }
}

/** Runs code in a VM's interpreter. */
export async function runCode(
  vm: Pick<Vm, 'address'>,
  code: string,
  options: Record<string, unknown> = {},
): Promise<Execution> {
  const { status, body } = await call(vm, 'POST', '/execute', { code, ...options });
  if (status !== 200) throw new Error(`${status} ${body}`);
  return new Execution(
    body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line),
  );
}
