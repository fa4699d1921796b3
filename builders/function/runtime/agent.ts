/*
 * A line protocol on the agent's unix socket, which stays open for as long as the process lives:
 *
 *   agent -> here   thaw <64 hex digits of entropy>\n     the VM has just been thawed; nothing is let in before the answer
 *   here -> agent   ok\n   or   error <message>\n
 *   here -> agent   pending <n>\n                         whenever the count of background work changes
 *
 * What happens between `thaw` and `ok` is part of every cold start: under an emulator each instruction that runs for the
 * first time is dear, so this does as little as it can.
 */
import { connect, type Socket } from 'node:net';

/**
 * Connects to the agent.
 *
 * @param path of the socket
 * @param renew called for each thaw with its entropy; what it throws fails the thaw
 */
export async function connectAgent(path: string, renew: (entropy: string) => unknown): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(path, () => resolve(socket));
  socket.on('error', reject);
  let rest = '';
  socket.on('data', (bytes) => {
    rest += bytes.toString('latin1');
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      if (line.startsWith('thaw ')) answer(socket, renew, line.slice(5));
    }
  });
  return promise;
}

function answer(socket: Socket, renew: (entropy: string) => unknown, entropy: string): void {
  const fail = (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    socket.write(`error ${message.replaceAll(/\s+/g, ' ').slice(0, 200)}\n`);
  };
  try {
    const renewing = renew(entropy);
    if (renewing === undefined) socket.write('ok\n');
    else Promise.resolve(renewing).then(() => socket.write('ok\n'), fail);
  } catch (error) {
    fail(error);
  }
}
