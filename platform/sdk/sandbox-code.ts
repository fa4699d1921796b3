import type { CodeError, CodeEvent, CodeResult } from '../sandboxes/contract.ts';
import { errorFromBody, ThawApiError } from './error.ts';
import type { CallOptions, Transport } from './transport.ts';

export interface CodeOptions extends CallOptions {
  /** Default `python`. */
  language?: string | undefined;
  /** Variables of the environment for this call alone. */
  env?: Record<string, string> | undefined;
  /** After this the code is interrupted; default 60. */
  timeoutSeconds?: number | undefined;
  /** Told as they come. */
  onStdout?: ((text: string) => void) | undefined;
  onStderr?: ((text: string) => void) | undefined;
  onResult?: ((result: CodeResult) => void) | undefined;
  onError?: ((error: CodeError) => void) | undefined;
}

/** What came of a piece of code. Code that raises is a result and no failure of the call. */
export interface CodeExecution {
  /** The value of the last expression as text; undefined where there is none. */
  text: string | undefined;
  /** All that was displayed, the value of the last expression included. */
  results: CodeResult[];
  logs: { stdout: string; stderr: string };
  error: CodeError | undefined;
  /** As in `In [3]`; null when it did not come to that. */
  executionCount: number | null;
  /** Part of what came of it was dropped. */
  truncated: boolean;
}

/** Runs code in the kernel of a sandbox. */
export async function runCode(
  transport: Transport,
  sandbox: string,
  code: string,
  options: CodeOptions,
): Promise<CodeExecution> {
  const { signal, language, env, timeoutSeconds, onStdout, onStderr, onResult, onError } = options;
  const done: CodeExecution = {
    ...{ text: undefined, results: [], logs: { stdout: '', stderr: '' }, error: undefined },
    ...{ executionCount: null, truncated: false },
  };
  const events = transport.lines<CodeEvent | { type: 'failed' }>({
    signal,
    method: 'POST',
    path: ['v1', 'sandboxes', sandbox, 'code'],
    json: { code, language, env, timeoutSeconds },
  });
  for await (const event of events) {
    switch (event.type) {
      case 'stdout':
        done.logs.stdout += event.data;
        onStdout?.(event.data);
        break;
      case 'stderr':
        done.logs.stderr += event.data;
        onStderr?.(event.data);
        break;
      case 'result': {
        const { type: _, ...result } = event;
        if (result.main) done.text = result.text;
        done.results.push(result);
        onResult?.(result);
        break;
      }
      case 'error': {
        const { name, value, traceback } = event;
        done.error = { name, value, traceback };
        onError?.(done.error);
        break;
      }
      case 'end':
        return { ...done, executionCount: event.executionCount, truncated: event.truncated };
      case 'failed':
        throw errorFromBody(event, 200, undefined);
    }
  }
  throw new ThawApiError('broken_answer', 'The server did not say how the code ended.', { status: 200 });
}
