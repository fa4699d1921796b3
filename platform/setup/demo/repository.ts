import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { program } from '../program.ts';

/** A git repository in a temporary folder, gone when disposed. */
export interface Repository extends AsyncDisposable {
  path: string;
  /** Runs git in it; what it says goes to the terminal with `show`. */
  git(argv: string[], output?: 'keep' | 'show'): Promise<void>;
}

interface Origin {
  /** Folder whose files are committed. */
  example: string;
  /** What it is pushed to. */
  remote: string;
  /** File with the key that the remote wants. */
  keyFile: string;
  signal: AbortSignal;
}

/** Shell function that tells git the key when it asks; so it stands in no URL and in no process list. */
export function credentialHelper(keyFile: string): string {
  return `!f() { echo username=thaw; echo "password=$(cat ${keyFile})"; }; f`;
}

/** Makes a repository with one commit, on top of what the remote has when it was pushed to before. */
export async function createRepository({ example, remote, keyFile, signal }: Origin): Promise<Repository> {
  await using opened = new AsyncDisposableStack();
  const path = await mkdtemp(join(tmpdir(), 'thaw-demo-'));
  opened.defer(() => rm(path, { recursive: true, force: true }));

  const tryGit = (argv: string[], output: 'keep' | 'show' = 'keep') =>
    program(['git', ...argv], { cwd: path, env: { GIT_TERMINAL_PROMPT: '0' }, output, signal });
  const git = async (argv: string[], output?: 'keep' | 'show') => {
    const { code, said } = await tryGit(argv, output);
    if (code !== 0) throw new ThawError('internal', `git ${argv.join(' ')} failed. ${said}`.trim());
  };
  await git(['init', '--quiet', '--initial-branch=main']);
  const settings = {
    'user.name': 'Thaw demo',
    'user.email': 'demo@localhost',
    'commit.gpgsign': 'false',
    'core.hooksPath': '/dev/null',
    'credential.helper': credentialHelper(keyFile),
    // The server is on this machine, whatever proxy leads to the others.
    'http.proxy': '',
  };
  for (const [name, value] of Object.entries(settings)) await git(['config', name, value]);
  await git(['remote', 'add', 'thaw', remote]);

  const known = await tryGit(['fetch', '--quiet', 'thaw', 'main']);
  if (known.code === 0) await git(['reset', '--quiet', '--soft', 'FETCH_HEAD']);
  await cp(example, path, { recursive: true });
  await git(['add', '--all']);
  await git(['commit', '--quiet', '--allow-empty', '--message', 'Say hello']);
  const closing = opened.move();
  return { path, git, [Symbol.asyncDispose]: () => closing.disposeAsync() };
}
