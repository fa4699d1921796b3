import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';
import { Sandbox, type ThawApiError } from '../../platform/sdk/index.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

/** Answers with what it was asked and holds a counter; also echoes over WebSockets. */
const PROGRAM = `
let count = 0;
const server = require('node:http').createServer((request, response) => {
  count += 1;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ url: request.url, cookie: request.headers.cookie ?? null, token: request.headers['x-thaw-token'] ?? null, count }));
});
server.on('upgrade', (request, socket) => {
  const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const accept = require('node:crypto').createHash('sha1').update(key).digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n');
  socket.write(Buffer.from([0x81, 5, ...Buffer.from('hello')]));
});
server.listen(8000, '0.0.0.0', () => console.log('listening'));
`;

/** Sandboxes of a server of their own; those that a test leaves are ended after it. */
export interface SandboxStand {
  readonly server: ServerFixture;
  create(options?: Parameters<typeof Sandbox.create>[0]): Promise<Sandbox>;
  /** Waits for a refusal, and gives it back. */
  refusal(promise: Promise<unknown>): Promise<{ status: number; code: string; message: string }>;
  /** Starts a program on port 8000 that goes on when the command that started it has ended. */
  listen(sandbox: Sandbox): Promise<void>;
}

/**
 * For the tests of a `describe`, which is where it is to be called.
 *
 * @param keep sandboxes stay from test to test; the describe ends them
 */
export function sandboxStand({ keep = false } = {}): SandboxStand {
  const stack = new AsyncDisposableStack();
  let started: ServerFixture | undefined;
  const server = () => {
    if (started === undefined) throw new Error('the server is not there yet');
    return started;
  };
  before(async () => {
    started = stack.use(await startServer({ THAW_SLOTS_AHEAD: 4, THAW_SANDBOX_MAX_TTL_S: 3600 }));
    // Where templates are missing it makes them first, and tests count VMs.
    await started.asleep();
  });
  const endAll = async () => {
    for (const one of await server().thaw.sandboxes.list()) await one.kill();
  };
  if (!keep) afterEach(endAll);
  after(async () => {
    if (keep) await endAll();
    await stack.disposeAsync();
  });
  return {
    get server() {
      return server();
    },
    create: (options = {}) => Sandbox.create({ url: server().url, apiKey: server().key, ...options }),
    async refusal(promise) {
      const { status, code, message } = await promise.then(
        () => assert.fail('it was not refused'),
        (thrown: ThawApiError) => thrown,
      );
      return { status, code, message };
    },
    async listen(sandbox) {
      await sandbox.files.write('/app/server.js', PROGRAM);
      const { stdout } = await sandbox.exec(
        'setsid node server.js >out 2>&1 </dev/null & until grep -q listening out; do sleep 0.1; done; cat out',
      );
      assert.equal(stdout, 'listening\n');
    },
  };
}
