import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';

/** V8's compilers above its interpreter. */
const COMPILERS = ['sparkplug', 'maglev', 'opt'];
/** After the first answer, in milliseconds. */
const LATER_MS = 1000;

/**
 * Switches V8's compilers on, if this process was started without them, a moment after the first answer or at the
 * first upgraded connection.
 *
 * A machine that emulates its guests translates each piece of machine code when it runs for the first time after a
 * thaw. Compiled functions are each their own piece; the interpreter is one that all share, so a first answer by it
 * takes a third less time. What runs for longer needs the compilers all the same.
 */
export function compileLater(server: Server): void {
  const off = COMPILERS.filter((name) => process.execArgv.includes(`--no-${name}`));
  if (off.length === 0) return;
  const compile = () => {
    for (const name of off) setFlagsFromString(`--${name}`);
  };
  const first = (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers['x-thaw-warmup'] !== undefined) return; // Not yet frozen.
    server.off('request', first);
    response.once('close', () => setTimeout(compile, LATER_MS).unref());
  };
  server.on('request', first);
  // A listener of ours alone would make Node hand over connections that nobody takes.
  if (server.listenerCount('upgrade') > 0) server.once('upgrade', compile);
}
