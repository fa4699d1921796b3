import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { PORTS } from '../../platform/databases/guest.ts';
import { asOwner } from '../../platform/databases/owner.ts';

/** An address of this machine that nothing else listens at. */
const ADDRESS = '127.0.53.1';

test('what is asked of a Postgres that never answers is broken off with its signal', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on('error', () => {}).resume()));
  server.listen(PORTS.direct, ADDRESS);
  await once(server, 'listening');
  try {
    const reason = new Error('enough');
    const stop = new AbortController();
    const asking = asOwner(ADDRESS, { dbname: 'app', password: 'x' }, 'select 1', stop.signal);
    await once(server, 'connection');
    stop.abort(reason);
    await assert.rejects(asking, reason);
    await assert.rejects(asOwner(ADDRESS, { dbname: 'app', password: 'x' }, 'select 1', stop.signal), reason);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
