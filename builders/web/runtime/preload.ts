/*
 * Loaded before a Node web app's own code, in each of its processes and worker threads (but for workers
 * whose code is a string: Node gives them none of it):
 *
 *   NODE_OPTIONS=--import=/opt/thaw/preload.mjs
 *
 * After a thaw, randomness that lives in the process is made the clone's own. The places are the guest's, unless
 * THAW_RENEWAL, THAW_RENEWAL_PAGE and THAW_SOCKET say otherwise. The code sees none of these variables, and they are not
 * passed on: whatever the app starts inherits NODE_OPTIONS, and goes by the guest's places.
 *
 * An app must start with or without this, so what fails here fails in silence.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import { connectAgent } from '../../function/runtime/agent.ts';
import { install, renewIfThawed } from '../../function/runtime/random.ts';
import { renewer, watchThaws } from '../../function/runtime/renew.ts';

const {
  THAW_RENEWAL = '/usr/local/lib/thaw/renewal.node',
  THAW_RENEWAL_PAGE = '/run/thaw/renewal',
  THAW_SOCKET = '/run/thaw/thaw.sock',
} = process.env;
for (const name of Object.keys(process.env)) if (name.startsWith('THAW_')) delete process.env[name];

const page = mapped();
install(page);
if (page === undefined) {
  const agent = await connectAgent(THAW_SOCKET, renewer({})).catch(() => undefined);
  agent?.unref();
} else {
  // Who watches the page is told nothing by the agent, and leaves its place there to a process that has to be told.
  // A clone's connections are all new, so each is looked at before its first byte: upgrades and HTTP/2 too.
  subscribe('net.server.socket', renewIfThawed);
  subscribe('http.server.request.start', renewIfThawed);
}
// The edge writes it. Node's own is a copy of up to a second ago: after a thaw, the time of the freeze.
subscribe('http.server.request.start', (message) => {
  (message as { response: ServerResponse }).response.sendDate = false;
});

/** The renewal page; undefined where there is none, or no way to map it. */
function mapped(): Uint32Array | undefined {
  try {
    return watchThaws(THAW_RENEWAL, THAW_RENEWAL_PAGE);
  } catch {
    return undefined;
  }
}
