import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Finding, ThawApiError } from '../sdk/index.ts';

/**
 * Has a program examine this machine, in a process of its own: it prints
 * `{"findings": [...]}`. Its exit code does not matter when it does.
 *
 * @param program path of the TypeScript file to run
 * @throws ThawApiError `internal` when it does not
 */
export async function examine(
  program: string,
  { env, signal }: { env: Record<string, string>; signal: AbortSignal },
): Promise<{ findings: Finding[] }> {
  const { stdout, cause } = await promisify(execFile)(process.execPath, [program, '--json'], { env, signal }).then(
    (ended) => ({ stdout: ended.stdout, cause: undefined }),
    (error: Error & { stdout?: string }) => ({ stdout: error.stdout ?? '', cause: error }),
  );
  signal.throwIfAborted();
  try {
    const { findings } = JSON.parse(stdout) as { findings?: Finding[] };
    if (Array.isArray(findings)) return { findings };
  } catch {
    // Said below.
  }
  throw new ThawApiError('internal', 'The examination of this machine failed.', {
    hint: 'THAW_DEBUG=1 shows how.',
    cause,
  });
}
