/*
 * A line protocol on the agent's unix socket, which stays open for as long as the process lives:
 *
 *   agent -> here   thaw <64 hex digits of entropy>\n     the VM has just been thawed; nothing is let in before the answer
 *   here -> agent   ok\n   or   error <message>\n
 *   here -> agent   pending <n>\n                         whenever the count of background work changes
 *   here -> agent   watches\n                             the process renews itself when the renewal page changes: no more `thaw`
 *
 * What happens between `thaw` and `ok` is part of every cold start: under an emulator each instruction that runs for the
 * first time is dear, so this does as little as it can.
 */
import { writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

/** A `thaw` line takes 70. */
const LINE_BYTES = 256;

/** The way to the agent. */
export interface Agent {
  tell(line: string): void;
  /** Whether the connection alone keeps the process alive. */
  ref(): void;
  unref(): void;
}

/**
 * Connects to the agent.
 *
 * @param path of the socket
 * @param renew called for each thaw with its entropy; what it throws fails the thaw
 */
export async function connectAgent(path: string, renew: (entropy: string) => unknown): Promise<Agent> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let rest = '';
  // Not a `data` listener and not `write`: a stream's machinery costs 40 ms more when it runs for the first time.
  const onread = {
    buffer: Buffer.alloc(LINE_BYTES),
    callback(length: number, bytes: Uint8Array) {
      rest += (bytes as Buffer).toString('latin1', 0, length);
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 1);
        if (line.startsWith('thaw ')) answer(tell, renew, line.slice(5));
      }
      return true;
    },
  };
  const socket = connect({ path, onread }, resolve);
  socket.on('error', reject);
  await promise;
  const descriptor = descriptorOf(socket);
  // A line is shorter than any socket's buffer, so it is written whole or not at all.
  const tell = (line: string) => void writeSync(descriptor, `${line}\n`);
  return { tell, ref: () => void socket.ref(), unref: () => void socket.unref() };
}

function answer(tell: (line: string) => void, renew: (entropy: string) => unknown, entropy: string): void {
  const fail = (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    tell(`error ${message.replaceAll(/\s+/g, ' ').slice(0, 200)}`);
  };
  try {
    const renewing = renew(entropy);
    if (renewing === undefined) tell('ok');
    else Promise.resolve(renewing).then(() => tell('ok'), fail);
  } catch (error) {
    fail(error);
  }
}

/** Node has no public way to it. */
function descriptorOf(socket: Socket): number {
  const { fd } = (socket as Socket & { _handle: { fd: number } })._handle;
  return fd;
}
