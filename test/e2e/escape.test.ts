import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { hostAddress, slotAddress } from '../../platform/host/network/addresses.ts';
import { allClaims } from '../../platform/host/network/claims.ts';
import { run } from '../../platform/host/run.ts';
import type { Sandbox } from '../../platform/sdk/index.ts';
import { type ServerFixture, startServer } from '../fixtures/server.ts';
import { FORGED, METADATA, openWitness, type Witness, WORLD_SIX } from '../fixtures/witness.ts';
import { CLOSED, HOST_END, openWorld, PUBLIC, type World } from '../fixtures/world.ts';

const PROGRAM = new URL('../fixtures/attacker.py', import.meta.url);
/** Of the guest's agent; see `host/guest/ports.ts`. */
const AGENT_PORTS = [1001, 1002];
/** Names that are allowed, and at which addresses that are not. */
const REBOUND = { 'one.rebound.example.com': CLOSED[0], 'two.rebound.example.com': HOST_END } as const;

/**
 * Whatever is tried here is tried at an address that the world of this test has, with a listener on it, or at this test's
 * own listener on this host: an escape is a connection or a packet there.
 */
describe('code that wants out of its sandbox', () => {
  const stack = new AsyncDisposableStack();
  let world: World;
  let witness: Witness;
  let server: ServerFixture;
  let attacker: Sandbox;
  let neighbour: Sandbox;

  before(async () => {
    world = stack.use(await openWorld());
    witness = stack.use(await openWitness(world));
    for (const [name, address] of Object.entries(REBOUND)) world.names.set(name, [address]);
    world.names.set('allowed.example.com', [PUBLIC[0]]);
    const { address, port } = world.resolver;
    server = stack.use(await startServer({ THAW_RESOLVER: `${address}:${port}`, THAW_SLOTS_AHEAD: 4 }));
    [attacker, neighbour] = await Promise.all([
      server.thaw.sandboxes.create({ template: 'python', ttlSeconds: 600 }),
      server.thaw.sandboxes.create({ template: 'python', ttlSeconds: 600 }),
    ]);
    await neighbour.exec([
      'bash',
      '-c',
      'setsid python3 -m http.server 8000 >/dev/null 2>served </dev/null & until (: </dev/tcp/127.0.0.1/8000) 2>/dev/null; do sleep 0.1; done',
    ]);
    await attacker.files.write('/app/attacker.py', await readFile(PROGRAM, 'utf8'));
  });
  after(async () => {
    for (const one of [attacker, neighbour]) await one?.kill();
    await stack.disposeAsync();
  });

  /** Addresses of all slots of this server, its guests' and its own ends. */
  const slots = async () => {
    const own = (await allClaims()).filter(({ owner }) => owner === server.config.data);
    return own.flatMap(({ index }) => [slotAddress(index), hostAddress(index)]);
  };

  const attack = async () => {
    const [mine, port] = [await slots(), witness.port];
    const gateway = (await run(['ip', '-o', '-4', 'addr', 'show', 'dev', 'lo'])).match(/10\.201\.\d+\.\d+/g) ?? [];
    const here = [HOST_END, '127.0.0.1', '172.16.0.1', ...gateway, ...mine.filter((_, at) => at % 2 === 1)];
    const given = {
      connect: [
        ...[METADATA, ...CLOSED, ...PUBLIC].flatMap((address) => [80, 9].map((at) => [address, at] as const)),
        ...here.map((address) => [address, port] as const),
        ...here.map((address) => [address, Number(new URL(server.url).port)] as const),
        ...mine.flatMap((address) => [...AGENT_PORTS, 8000].map((at) => [address, at] as const)),
        [WORLD_SIX, port] as const,
        ['2001:db8:66::2', port] as const,
      ],
      names: ['data.to.tell.tunnel.test', ...Object.keys(REBOUND)],
      packets: [METADATA, ...CLOSED, ...PUBLIC, HOST_END],
      six: [WORLD_SIX, '2001:db8:66::2'],
      forged: FORGED,
      neighbours: mine,
    };
    const command = ['python3', '/app/attacker.py', JSON.stringify(given)];
    const { stdout, stderr, exitCode } = await attacker.exec(command, { user: 'root', timeoutSeconds: 120 });
    assert.equal(exitCode, 0, stderr);
    return JSON.parse(stdout) as Record<string, string> & { frames: number };
  };

  const contained = async (told: Record<string, string> & { frames: number }) => {
    assert.ok(told.frames > 100, JSON.stringify(told));
    assert.deepEqual(witness.came, []);
    assert.deepEqual(await witness.counts(), { forged: 0, icmp: 0, udp: 0, gre: 0, six: 0 });
    const heard = Object.entries(told).filter(([, how]) => String(how).startsWith('heard HTTP'));
    assert.deepEqual(
      heard.map(([where]) => where).filter((where) => !where.startsWith(PUBLIC[0])),
      [],
    );
    assert.equal(await neighbour.files.read('/app/served').catch(() => ''), '', 'nobody came to the neighbour');
    assert.equal((await neighbour.exec('echo here')).stdout, 'here\n');
    assert.equal((await attacker.exec('echo here')).stdout, 'here\n');
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  };

  test('would be seen by what this test has set up', async () => {
    const knock = async (host: string, port: number) => {
      const socket = connect(port, host).on('error', () => {});
      await once(socket, 'connect', { signal: AbortSignal.timeout(3_000) });
      socket.destroy();
    };
    for (const address of [...CLOSED, ...PUBLIC]) await knock(address, 9);
    await run(['ip', 'netns', 'exec', world.netns, 'bash', '-c', `exec 3<>/dev/tcp/${METADATA}/9`]);
    await knock(HOST_END, witness.port);
    const echo = 's.sendto(bytes([8, 0, 247, 253, 0, 1, 0, 1]), (sys.argv[1], 0))';
    const raw = 's = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)';
    await run(['python3', '-c', `import socket, sys; ${raw}; ${echo}`, PUBLIC[0]]);
    await run(['bash', '-c', `echo here >/dev/udp/${WORLD_SIX}/9`]);
    await run(['bash', '-c', `echo here >/dev/udp/${PUBLIC[1]}/9`]);
    for (let tries = 0; tries < 100 && world.knocks.length < CLOSED.length + PUBLIC.length + 2; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const at = new Set(world.knocks.map(({ address }) => address));
    for (const address of [METADATA, ...CLOSED, ...PUBLIC]) assert.ok(at.has(address), address);
    assert.equal(witness.came.length, 1);
    const { icmp, udp, six } = await witness.counts();
    assert.deepEqual([icmp > 0, udp > 0, six > 0], [true, true, true]);
  });

  const forget = async () => {
    world.knocks.length = 0;
    world.asked.length = 0;
    await witness.forget();
  };

  test('reaches nothing without a rule, as root, with whatever packets it makes', async () => {
    await forget();
    await contained(await attack());
    assert.deepEqual(world.knocks, []);
    assert.deepEqual(world.asked, [], 'no name leaves');
  });

  test('reaches what a rule names and nothing else, whatever names lead there', async () => {
    await attacker.setEgress(['*.example.com', '198.51.100.66']);
    await forget();
    await contained(await attack());
    const reached = new Set(world.knocks.map(({ address }) => address));
    assert.deepEqual([...reached], [PUBLIC[0]]);
    assert.deepEqual(
      world.asked.filter(({ name }) => name.endsWith('tunnel.test')),
      [],
    );
  });

  test('reaches public addresses alone with "open"', async () => {
    await attacker.setEgress(['open']);
    await forget();
    const told = await attack();
    const reached = new Set(world.knocks.map(({ address }) => address));
    assert.deepEqual([...reached].sort(), [...PUBLIC]);
    const { port } = witness;
    assert.deepEqual(witness.came, [], JSON.stringify(told[`${HOST_END} ${port}`]));
    assert.deepEqual(await witness.counts(), { forged: 0, icmp: 0, udp: 0, gre: 0, six: 0 });
  });
});
