/*
 * Loaded before a web app on Node, in each of its processes (`NODE_OPTIONS=--import`): lets it renew after a thaw what it
 * keeps of randomness in memory. From the environment, as a function's shim: THAW_SOCKET, THAW_RENEWAL, THAW_RENEWAL_PAGE.
 * They stay there, for the processes that the app starts.
 */
import { subscribe } from 'node:diagnostics_channel';
import { connectAgent } from '../../function/runtime/agent.ts';
import { install, renewIfThawed } from '../../function/runtime/random.ts';
import { renewer, watchThaws } from '../../function/runtime/renew.ts';

const { THAW_SOCKET, THAW_RENEWAL, THAW_RENEWAL_PAGE } = process.env;

const page = watchThaws(THAW_RENEWAL, THAW_RENEWAL_PAGE);
install(page);
subscribe('http.server.request.start', renewIfThawed);
if (THAW_SOCKET !== undefined) {
  const agent = await connectAgent(THAW_SOCKET, renewer({})).catch(() => undefined);
  agent?.unref();
  if (page !== undefined) agent?.tell('watches');
}
