import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { branchLabel } from '../../platform/control/names.ts';
import { thaw as cli } from '../cli/command.ts';
import { WorkTree } from '../fixtures/git.ts';
import { EdgeClient } from '../fixtures/http.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';

/**
 * Asks a database for a session. Tells the user, and the first letter of the answer: `R` for the password's question, `E` for
 * an error.
 */
const ASKING = `import { once } from 'node:events';
import { connect } from 'node:net';
export default async (request) => {
  const named = request.headers.get('x-database') ?? process.env.DATABASE_URL;
  if (named === undefined) return new Response('none');
  const url = new URL(named);
  const socket = connect(Number(url.port), url.hostname);
  try {
    const body = Buffer.from('user\\0' + url.username + '\\0database\\0' + url.pathname.slice(1) + '\\0\\0');
    const head = Buffer.alloc(8);
    head.writeUInt32BE(8 + body.length);
    head.writeUInt32BE(196608, 4);
    socket.write(Buffer.concat([head, body]));
    const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(20000) });
    return new Response(url.username + ' ' + answer.toString('latin1', 0, 1));
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

const open = (url: string) => {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return { sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
};

describe('databases of apps and their previews', () => {
  const stack = new AsyncDisposableStack();
  let server: ServerFixture;
  let tree: WorkTree;
  before(async () => {
    server = stack.use(await startServer());
    tree = stack.use(await WorkTree.create({ 'index.js': ASKING }));
    await server.thaw.databases.create({ name: 'main', idleSeconds: 0 });
    const pushed = await push('main');
    assert.equal(pushed.code, 0, pushed.text);
  });
  after(() => stack.disposeAsync());

  const push = (...refs: string[]) => tree.push(server.remote('shop'), ...refs);
  const ask = async (branch: string) =>
    (await new EdgeClient(server.config, 'shop').ask('/', { label: branchLabel(branch, 'shop') })).text;
  const run = (...args: string[]) => {
    return cli(['db', ...args], { env: { THAW_URL: server.url, THAW_API_KEY: server.key } });
  };
  const said = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const refused = async (why: RegExp, ...args: string[]) => {
    const { code, stderr } = await run(...args);
    assert.equal(code, 1);
    assert.match(stderr, why);
  };
  const names = async () => (await server.thaw.databases.list()).map(({ name }) => name);
  const ofPreview = async (branch: string) => {
    const found = (await server.thaw.databases.list()).find(({ preview }) => preview?.branch === branch);
    assert.ok(found, `${branch} has no database`);
    return found;
  };
  /** The commit before, as a branch. */
  const earlier = (branch: string) => `main~:refs/heads/${branch}`;
  /** What `feature/x` has. */
  const FEATURE = /^main-feature-x-[0-9a-f]{6}$/;

  test('an app reaches the databases of its project, whatever else it may reach, and no other project’s', async () => {
    await server.thaw.projects.create('strangers');
    const theirs = await server.thaw.databases.create({ name: 'main' }, { project: 'strangers' });
    const ours = await server.thaw.databases.urls('main');
    // Both were thawed from one VM, whose next draws would have been the same.
    const draws = await Promise.all([ours.directUrl, ours.url, theirs.directUrl, theirs.url].map(firstDraws));
    assert.equal(new Set(draws.map(({ drawn }) => drawn)).size, draws.length, JSON.stringify(draws));
    assert.ok(
      draws.every(({ skew }) => skew < 2000),
      JSON.stringify(draws),
    );
    const { guestUrl } = ours;
    const edge = new EdgeClient(server.config, 'shop');
    const answer = async (url: string) => (await edge.ask('/', { headers: { 'x-database': url } })).text.slice(-1);
    // A guest that may reach the internet, then one that may reach nothing.
    for (const settings of ['', 'egress = "none"\n']) {
      if (settings !== '') {
        await tree.commit({ 'thaw.toml': settings });
        const pushed = await push('main');
        assert.equal(pushed.code, 0, pushed.text);
      }
      assert.equal(await answer(guestUrl), 'R', settings);
      assert.equal(await answer(theirs.guestUrl), 'E', settings);
    }
    await server.thaw.databases.remove('main', { project: 'strangers' });
  });

  test('an app gets the URLs of a database with `attach`', async () => {
    assert.equal(await ask('main'), 'none');
    assert.match(await said('attach', 'main', 'shop'), /^shop reaches main by DATABASE_URL/);
    const { endpoint } = await server.thaw.databases.get('main');
    assert.equal(await ask('main'), `${endpoint}.pool R`);
    await refused(/shop has the database main attached[\s\S]*thaw db detach main shop/, 'rm', 'main');
    await refused(/no app called nothing/, 'attach', 'main', 'nothing');
  });

  test('each preview gets a branch, which stays over its pushes', async () => {
    await said('attach', 'main', 'shop', '--preview-branches');
    const main = await server.thaw.databases.urls('main');
    await using production = open(main.url);
    await production.sql`create table orders as select 1 as n`;

    const first = await push('main:feature/x');
    assert.equal(first.code, 0, first.text);
    const made = await ofPreview('feature/x');
    assert.match(made.name, FEATURE);
    assert.ok(first.remote.includes(`Branched the database main into ${made.name}`), first.text);
    assert.deepEqual([made.parent, made.preview], ['main', { app: 'shop', branch: 'feature/x' }]);
    assert.notEqual(made.idleSeconds, 0);
    assert.match(await said('list'), new RegExp(`${made.name} .* main +feature/x of shop`));
    assert.match(await said('info', made.name), /preview +feature\/x of shop/);
    assert.match(await said('info', 'main'), /attached +previews of shop, a branch for each\nattached +shop\n/);
    assert.equal(await ask('feature/x'), `${made.endpoint}.pool R`);
    assert.match(await ask('main'), /^main-\w{6}\.pool R$/);

    await using preview = open((await server.thaw.databases.urls(made.name)).url);
    await preview.sql`insert into orders values (2)`;
    await tree.commit({ 'README.md': 'changed' });
    assert.equal((await push('main:feature/x')).code, 0);
    assert.equal((await ofPreview('feature/x')).id, made.id);
    assert.equal(await ask('feature/x'), `${made.endpoint}.pool R`);
    assert.equal((await preview.sql`select from orders`).count, 2);
    assert.equal((await production.sql`select from orders`).count, 1);
  });

  test('what a preview needs is refused to be taken away', async () => {
    const { name } = await ofPreview('feature/x');
    await refused(/belongs to the preview feature\/x of shop/, 'rm', name);
    await refused(/belongs to the preview feature\/x of shop/, 'attach', name, 'shop');
    await refused(/A preview has a branch of the database main/, 'rm', 'main');
    await refused(/A preview has a branch of main: feature\/x[\s\S]*--remove-branches/, 'detach', 'main', 'shop');
    await refused(/A preview has a branch of main/, 'attach', 'main', 'shop', '--preview');
    await assert.rejects(server.thaw.releases.promote('shop', { branch: 'feature/x' }), {
      code: 'conflict',
      message: /runs with main-feature-x-\w{6}, the database of the preview feature\/x/,
    });
  });

  test('a push that fails leaves no database, and one for which there is no room is refused', async () => {
    const before = await names();
    await tree.commit({ 'index.js': 'throw new Error("broken");' });
    const broken = await push('main:broken');
    assert.notEqual(broken.code, 0);
    assert.match(broken.text, /Branched the database main into main-broken-/);
    assert.deepEqual(await names(), before);
    const values = await server.thaw.environment.list('shop');
    assert.ok(values.every(({ target }) => typeof target === 'string' || target.branch === 'feature/x'));

    await server.thaw.projects.setLimits('default', { databases: 2 });
    const third = await push(earlier('third'));
    assert.notEqual(third.code, 0);
    assert.match(third.text, /The preview third gets no branch of the database main\. Project default is at its limit/);
    assert.match(third.text, /thaw projects limits[\s\S]*Deleting git branches/);
    await server.thaw.projects.setLimits('default', { databases: null });
    assert.deepEqual(await names(), before);
  });

  test('what a killed server leaves of a push goes at the next start; what is in front stays', async () => {
    const before = await names();
    const pushing = tree.start(['push', server.remote('shop'), earlier('killed')]);
    await pushing.seen(/Branched the database/);
    await server.stop('SIGKILL');
    await pushing.done;
    await server.start();
    assert.deepEqual(await names(), before);
    assert.match(await ask('feature/x'), /^main-feature-x-\w{6}-\w{6}\.pool R$/);
  });

  test('it ends with its git branch, and with its app', async () => {
    const ended = await push(':feature/x');
    assert.equal(ended.code, 0, ended.text);
    assert.deepEqual(await names(), ['main']);
    assert.ok((await server.thaw.environment.list('shop')).every(({ target }) => target === 'production'));

    assert.equal((await push(earlier('again'))).code, 0);
    assert.equal((await names()).length, 2);
    await said('detach', 'main', 'shop', '--remove-branches');
    assert.deepEqual(await names(), ['main']);
    for (const branch of ['main', 'again']) assert.equal(await ask(branch), 'none');
    await refused(/does not have the database main attached/, 'detach', 'main', 'shop');

    // Previews that are there get theirs at once.
    await said('attach', 'main', 'shop', '--preview-branches');
    assert.equal(await ask('again'), `${(await ofPreview('again')).endpoint}.pool R`);

    // The server ends after git has deleted the branch, and before it hears of that.
    await server.stop('SIGKILL');
    const [repository = ''] = (await readdir(join(server.config.data, 'repos'))).filter((name) =>
      name.endsWith('.git'),
    );
    const bare = join(server.config.data, 'repos', repository);
    await tree.git('--git-dir', bare, 'update-ref', '-d', 'refs/heads/again');
    await server.start();
    assert.deepEqual(await names(), ['main']);

    assert.equal((await push(earlier('again'))).code, 0);
    assert.equal((await names()).length, 2);
    await server.thaw.apps.remove('shop');
    while ((await names()).length > 1) await delay(50);
    await said('rm', 'main');
  });
});
