import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { startServer } from '../fixtures/server.ts';

/** Asks a database for a session, and tells the first letter of the answer: `R` for the password's question, `E` for an error. */
const ASKING = `import { once } from 'node:events';
import { connect } from 'node:net';
export default async (request) => {
  const url = new URL(request.headers.get('x-database') ?? process.env.DATABASE_URL);
  const socket = connect(Number(url.port), url.hostname);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(5000) });
    const body = Buffer.from('user\\0' + url.username + '\\0database\\0main\\0\\0');
    const head = Buffer.alloc(8);
    head.writeUInt32BE(8 + body.length);
    head.writeUInt32BE(196608, 4);
    socket.write(Buffer.concat([head, body]));
    const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(20000) });
    return new Response(answer.toString('latin1', 0, 1));
  } catch (error) {
    return new Response(String(error));
  } finally {
    socket.destroy();
  }
};
`;

test('an app reaches the databases of its project, whatever else it may reach, and no other project’s', async () => {
  await using server = await startServer();
  const { thaw } = server;
  await thaw.databases.create({ name: 'main' });
  await thaw.projects.create('strangers');
  const theirs = await thaw.databases.create({ name: 'main' }, { project: 'strangers' });
  const { guestUrl } = await thaw.databases.urls('main');
  // A guest that may reach the internet, and one that may reach nothing.
  await using tree = await WorkTree.create({ 'index.js': ASKING });
  for (const settings of ['', 'egress = "none"\n']) {
    await tree.commit({ 'thaw.toml': settings });
    const pushed = await tree.push(server.remote('asking'));
    assert.equal(pushed.code, 0, pushed.text);
    const edge = new EdgeClient(server.config, 'asking');
    const ask = async (url: string) => (await edge.ask('/', { headers: { 'x-database': url } })).text;
    assert.equal(await ask(guestUrl), 'R', settings);
    assert.equal(await ask(theirs.guestUrl), 'E', settings);
  }
  await thaw.apps.remove('asking');
  await thaw.databases.remove('main');
  await thaw.databases.remove('main', { project: 'strangers' });
});
