/*
 * What git runs as pre-receive and post-receive: asks the server (hook-protocol.ts), shows what it says, and ends as it says.
 * Standard input has one line `<old> <new> <ref>` for each ref.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { HookAnswer, HookName, HookRequest } from './hook-protocol.ts';

const { THAW_HOOK_SOCKET = '', THAW_HOOK_TOKEN = '', GIT_QUARANTINE_PATH } = process.env;

const refs = readFileSync(0, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [old = '', fresh = '', ...ref] = line.split(' ');
    return { old, new: fresh, ref: ref.join(' ') };
  });
const request: HookRequest = {
  token: THAW_HOOK_TOKEN,
  hook: process.argv[2] as HookName,
  refs,
  ...(GIT_QUARANTINE_PATH === undefined ? {} : { quarantine: GIT_QUARANTINE_PATH }),
};

let exit: number | undefined;
const socket = connect(THAW_HOOK_SOCKET, () => socket.write(`${JSON.stringify(request)}\n`));
socket.on('error', () => socket.destroy());
createInterface({ input: socket })
  .on('line', (text) => {
    const answer = JSON.parse(text) as HookAnswer;
    if ('line' in answer) process.stderr.write(`${answer.line}\n`);
    else exit = answer.exit;
  })
  .on('close', () => {
    if (exit === undefined) process.stderr.write('The server ended before this push was done. Push again.\n');
    process.exit(exit ?? 1);
  });
