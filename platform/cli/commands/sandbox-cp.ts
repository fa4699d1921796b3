import { createWriteStream, openAsBlob } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { type Sandbox, ThawApiError } from '../../sdk/index.ts';
import type { Context } from '../context.ts';

/** `<id>:/path`, as against a path on this machine. */
const IN_SANDBOX = /^(s[a-z0-9]{15}):(\/.*)$/;

/** `thaw sandbox cp`, `thaw sandbox port`. */
export function addSandboxCp(sandbox: Command, context: Context): void {
  const { out } = context;
  const get = async (id: string) => (await context.connection()).thaw.sandboxes.get(id);

  sandbox
    .command('cp')
    .argument('<from>', 'a file, or <id>:/path')
    .argument('<to>', 'a file or directory, or <id>:/path')
    .description('copy a file into a sandbox or out of it')
    .action(async (from: string, to: string) => {
      const [, source, inside] = IN_SANDBOX.exec(from) ?? [];
      const [, target, at] = IN_SANDBOX.exec(to) ?? [];
      if ((source === undefined) === (target === undefined)) {
        throw new ThawApiError('invalid_input', 'One of the two has to be in a sandbox, and the other one here.', {
          hint: 'Write `thaw sandbox cp file <id>:/app/`, or `thaw sandbox cp <id>:/app/file .`.',
        });
      }
      const copied =
        source === undefined
          ? await copyIn(await get(target ?? ''), from, at ?? '')
          : await copyOut(await get(source), inside ?? '', to, context.signal);
      out.result({ path: copied }, () => copied);
    });

  sandbox
    .command('port')
    .argument('<id>')
    .argument('<port>', 'of a program in the sandbox')
    .description('tell where a port of a sandbox is reached, and the token for it')
    .action(async (id: string, port: string) => {
      const told = await (await get(id)).port(Number(port));
      out.result(told, () => `${told.url}\nx-thaw-token: ${told.token}`);
    });
}

/** @returns where it is in the sandbox */
async function copyIn(sandbox: Sandbox, from: string, to: string): Promise<string> {
  const { mode, isFile } = await stat(from).then(
    (found) => ({ mode: found.mode & 0o777, isFile: found.isFile() }),
    (cause: unknown) => {
      throw new ThawApiError('not_found', `There is no file ${from}.`, { cause });
    },
  );
  if (!isFile) throw new ThawApiError('invalid_input', `${from} is no file.`, { hint: 'Copy a tar of it.' });
  const path = to.endsWith('/') ? posix.join(to, basename(from)) : to;
  await sandbox.files.write(path, await openAsBlob(from), { mode });
  return path;
}

/** Written beside and renamed, so that what breaks off leaves nothing. @returns where it is here */
async function copyOut(sandbox: Sandbox, from: string, to: string, signal: AbortSignal): Promise<string> {
  const isDirectory = await stat(to).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const path = isDirectory ? join(to, posix.basename(from)) : to;
  const beside = `${path}.part`;
  try {
    await pipeline(sandbox.files.stream(from, { signal }), createWriteStream(beside, { flags: 'wx' }), { signal });
    await rename(beside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(beside, { force: true });
    throw error;
  }
  return path;
}
