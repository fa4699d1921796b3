import { type IncomingMessage, request } from 'node:http';
import { z } from 'zod';
import { type ErrorCode, ThawError } from '../errors.ts';
import type { CodeEvent, CodeRequest } from './contract.ts';

/*
 * The service of the image `code-interpreter`, inside the guest:
 *
 *   POST /execute      {"code","language"?,"env_vars"?,"timeout_ms"?}  ->  one JSON object a line, `end_of_execution` last
 *   PUT  /environment  {"env_vars"}                                    ->  204
 *
 * A refusal is a status and a sentence as plain text. What it says comes from inside the guest and is checked.
 */
const PORT = 49_999;
/** The service's own bound of a result is 32 MiB. */
const MAX_LINE_BYTES = 33 * 1024 * 1024;
const MAX_REFUSAL_BYTES = 2000;

const text = z.string().optional();
const line = z.discriminatedUnion('type', [
  z.object({ type: z.literal('number_of_executions'), execution_count: z.int() }),
  z.object({ type: z.enum(['stdout', 'stderr']), text: z.string() }),
  z.object({
    type: z.literal('result'),
    is_main_result: z.boolean(),
    ...{ text, html: text, markdown: text, svg: text, png: text, jpeg: text, pdf: text, latex: text, javascript: text },
    json: z.unknown().optional(),
    extra: z.record(z.string(), z.unknown()).optional(),
  }),
  z.object({ type: z.literal('error'), name: z.string(), value: z.string(), traceback: z.string() }),
  z.object({ type: z.literal('end_of_execution'), truncated: z.boolean().default(false) }),
]);

const CODES: Record<number, ErrorCode> = { 400: 'invalid_input', 404: 'not_found', 413: 'too_large' };

/**
 * Runs code in the default kernel; it is interrupted when `signal` fires.
 *
 * @param address of the guest
 * @throws ThawError `unprocessable` where no such service is; its own refusals
 */
export async function* execute(address: string, wanted: CodeRequest, signal: AbortSignal): AsyncGenerator<CodeEvent> {
  const { code, language, env, timeoutMs } = wanted;
  const body = { code, language, env_vars: env, timeout_ms: timeoutMs };
  const answer = await ask(address, 'POST', '/execute', body, signal);
  let executionCount: number | null = null;
  try {
    yield { type: 'start' };
    for await (const one of lines(answer)) {
      const told = line.parse(one);
      switch (told.type) {
        case 'number_of_executions':
          executionCount = told.execution_count;
          break;
        case 'stdout':
        case 'stderr':
          yield { type: told.type, data: told.text };
          break;
        case 'result': {
          const { is_main_result: main, ...forms } = told;
          yield { main, ...forms } as CodeEvent;
          break;
        }
        case 'error':
          yield told;
          break;
        case 'end_of_execution':
          yield { type: 'end', executionCount, truncated: told.truncated };
          return;
      }
    }
  } finally {
    answer.destroy();
  }
  throw new ThawError('unavailable', 'The code interpreter ended in the middle of its answer.');
}

/** What kernels have in their environment from their next call on. False where no such service is. */
export async function setKernelEnvironment(
  address: string,
  environment: Record<string, string>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    (await ask(address, 'PUT', '/environment', { env_vars: environment }, signal)).destroy();
    return true;
  } catch (error) {
    if (error instanceof ThawError && error.code === 'unprocessable') return false;
    throw error;
  }
}

async function ask(
  address: string,
  method: string,
  path: string,
  json: unknown,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const body = JSON.stringify(json);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const outgoing = request({ host: address, port: PORT, method, path, headers, agent: false, signal });
  outgoing.once('response', resolve);
  outgoing.once('error', reject);
  outgoing.end(body);
  const answer = await promise.catch((cause: NodeJS.ErrnoException) => {
    signal.throwIfAborted();
    if (cause.code !== 'ECONNREFUSED') {
      throw new ThawError('unavailable', 'The code interpreter does not answer.', { cause });
    }
    throw new ThawError('unprocessable', 'There is no code interpreter in this sandbox.', {
      hint: 'Make one from the template `code-interpreter`.',
      cause,
    });
  });
  const { statusCode = 500 } = answer;
  if (statusCode < 300) return answer;
  throw new ThawError(CODES[statusCode] ?? 'unavailable', await refusal(answer));
}

async function refusal(answer: IncomingMessage): Promise<string> {
  let said = '';
  for await (const chunk of answer.setEncoding('utf8')) {
    said += chunk;
    if (said.length > MAX_REFUSAL_BYTES) break;
  }
  return said.slice(0, MAX_REFUSAL_BYTES) || 'The code interpreter refused the call.';
}

async function* lines(answer: IncomingMessage): AsyncGenerator<unknown> {
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) {
    const [first = '', ...more] = chunk.split('\n');
    pieces.push(first);
    length += first.length;
    if (length > MAX_LINE_BYTES) throw new ThawError('unavailable', 'The code interpreter sent an endless line.');
    for (const next of more) {
      const whole = pieces.join('');
      if (whole.trim() !== '') yield JSON.parse(whole);
      pieces = [next];
      length = next.length;
    }
  }
}
