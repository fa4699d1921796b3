import assert from 'node:assert/strict';
import { test } from 'node:test';
import postgres from 'postgres';
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

/** What a new database draws by lot first, and how far its clock is from this machine's, in milliseconds. */
async function firstDraws(url: string): Promise<{ drawn: string; skew: number }> {
  const sql = postgres(url, { max: 1, fetch_types: false });
  try {
    const [row] = await sql`select gen_random_uuid() || ' ' || random() as drawn, clock_timestamp() as now`;
    return { drawn: row?.drawn, skew: Math.abs(row?.now.getTime() - Date.now()) };
  } finally {
    await sql.end({ timeout: 1 });
  }
}

test('an app reaches the databases of its project, whatever else it may reach, and no other project’s', async () => {
  await using server = await startServer();
  const { thaw } = server;
  const ours = await thaw.databases.create({ name: 'main' });
  await thaw.projects.create('strangers');
  const theirs = await thaw.databases.create({ name: 'main' }, { project: 'strangers' });
  const { guestUrl } = ours;
  // Both were thawed from one VM, whose next draws would have been the same.
  const draws = await Promise.all([ours.directUrl, ours.url, theirs.directUrl, theirs.url].map(firstDraws));
  assert.equal(new Set(draws.map(({ drawn }) => drawn)).size, draws.length, JSON.stringify(draws));
  assert.ok(
    draws.every(({ skew }) => skew < 2000),
    JSON.stringify(draws),
  );
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
  // As `thaw db attach` does.
  await thaw.environment.change('asking', { target: 'production', values: { DATABASE_URL: guestUrl } });
  assert.equal((await new EdgeClient(server.config, 'asking').ask()).text, 'R');
  await thaw.apps.remove('asking');
  await thaw.databases.remove('main');
  await thaw.databases.remove('main', { project: 'strangers' });
});
