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
  const ended = await promisify(execFile)(process.execPath, [program, '--json'], { env, signal }).catch(
    (cause: Error & { stdout?: string; stderr?: string }) => ({ stdout: '', stderr: '', ...cause, cause }),
  );
  signal.throwIfAborted();
  try {
    const { findings } = JSON.parse(ended.stdout) as { findings?: Finding[] };
    if (Array.isArray(findings)) return { findings };
  } catch {
    // Said below.
  }
  // The message of what was thrown, out of what Node prints about it.
  const [, reason] = /^\w*Error: (.+)$/m.exec(ended.stderr) ?? [];
  throw new ThawApiError(
    'internal',
    `The examination of this machine failed${reason === undefined ? '.' : `: ${reason}`}`,
    {
      hint: 'THAW_DEBUG=1 shows how.',
      cause: 'cause' in ended ? ended.cause : undefined,
    },
  );
}
