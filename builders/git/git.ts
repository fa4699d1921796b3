import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { simpleGit } from 'simple-git';
import { ThawError } from '../../platform/errors.ts';
import { gitEnvironment } from './environment.ts';

/** The environment that simple-git warns of is built here from nothing; see gitEnvironment. */
const OUR_OWN = { allowUnsafeConfigEnvCount: true, allowUnsafeConfigPaths: true, allowUnsafeTemplateDir: true };

interface GitOptions {
  /** The directory to run in; a repository, mostly. */
  cwd: string;
  /** Quarantine of a push whose objects should be seen too. */
  quarantine?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Runs git to its end.
 *
 * @returns what it wrote to standard output
 * @throws ThawError `internal` with git's own words as the cause
 */
export async function git(args: string[], { cwd, quarantine, signal }: GitOptions): Promise<string> {
  const env = { ...gitEnvironment(), ...quarantineEnvironment(cwd, quarantine) };
  const allowEnvironment = Object.keys(env);
  const abort = signal ? { abort: signal } : {};
  const repository = simpleGit({ baseDir: cwd, allowEnvironment, unsafe: OUR_OWN, ...abort });
  return repository
    .env(env)
    .raw(args)
    .catch((cause: unknown) => {
      signal?.throwIfAborted();
      throw new ThawError('internal', `git ${args[0]} failed.`, { cause });
    });
}

/**
 * Packs the tree of a commit. Leaving the stream early ends git.
 *
 * @param commit 40 hex digits
 */
export async function* archive(commit: string, { cwd, quarantine }: GitOptions): AsyncGenerator<Uint8Array> {
  // The tree and not the commit: a commit's archive begins with a header that only git's own tar knows.
  const child = spawn('git', ['archive', '--format=tar', `${commit}^{tree}`], {
    cwd,
    env: { ...gitEnvironment(), ...quarantineEnvironment(cwd, quarantine) },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const closed = once(child, 'close');
  closed.catch(() => {});
  try {
    yield* child.stdout;
    const [code] = await closed;
    if (code !== 0) throw new ThawError('internal', 'The commit could not be read.', { cause: `git archive: ${code}` });
  } finally {
    child.kill('SIGKILL');
  }
}

/** What git sets for its hooks, so that objects in quarantine and those that are in already are both seen. */
function quarantineEnvironment(repository: string, quarantine: string | undefined): Record<string, string> {
  if (quarantine === undefined) return {};
  return { GIT_OBJECT_DIRECTORY: quarantine, GIT_ALTERNATE_OBJECT_DIRECTORIES: `${repository}/objects` };
}
