import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecEvent, ExecRequest, Vm } from '../../platform/host/contract.ts';
import { type AgentEvent, envd, outcome } from '../fixtures/envd.ts';
import { openTestHost, SHAPE, shell, type TestHost } from '../fixtures/host.ts';

const START = 'process.Process/Start';
const CONNECT = 'process.Process/Connect';
const sh = (script: string, more: object = {}) => ({
  process: { cmd: 'bash', args: ['-c', script] },
  stdin: false,
  ...more,
});

describe('processes and files of a VM', () => {
  const stack = new AsyncDisposableStack();
  let at: TestHost;
  let vm: Vm;
  before(async () => {
    at = stack.use(await openTestHost());
    const { id } = await at.host.runtimeTemplate('base', SHAPE);
    vm = await at.thaw({ template: id, memory: 'own' });
  });
  after(() => stack.disposeAsync());
  /** How many processes called sleep there are. */
  const sleepers = () => shell(at.host, vm.id, 'cat /proc/[0-9]*/comm | grep -c "^sleep$" || true');

  it('run as the users of the image, each in its home', async () => {
    const agent = envd(vm.address);
    const ask = sh('echo $(id -un) $(id -gn) $(stat -c %U .) $PWD $HOME');
    const said = async (user?: string) => outcome(agent.stream(START, ask, user === undefined ? {} : { user }));
    assert.equal((await said()).text, 'user user user /home/user /home/user\n');
    assert.equal((await said('user')).text, 'user user user /home/user /home/user\n');
    assert.equal((await said('app')).text, 'app app app /app /app\n');
    assert.equal((await said('root')).text, 'root root root /root /root\n');
    assert.equal((await said('late')).error, 'unauthenticated');
    await shell(at.host, vm.id, 'useradd --create-home late');
    assert.equal((await said('late')).text, 'late late late /home/late /home/late\n');
  });

  it('go on without their caller, through sleep, and are found again', async () => {
    const agent = envd(vm.address);
    const leave = new AbortController();
    const ticking = sh('for ((i = 0; ; i++)); do echo tick $i; sleep 0.1; done', { tag: 'ticking' });
    const started = agent.stream(START, ticking, { signal: leave.signal });
    const pid = (await started.next()).value.event.start.pid;
    leave.abort();
    await at.host.sleep(vm.id);
    await at.host.wake(vm.id);
    let seen = 0;
    for await (const { event } of agent.stream(CONNECT, { process: { tag: 'ticking' } })) {
      assert.equal(event?.start?.pid ?? pid, pid);
      if (event?.data) seen++;
      if (seen === 3) break;
    }
    const list = (await agent.call('process.Process/List', {})) as { processes: { pid: number; tag: string }[] };
    assert.deepEqual(
      list.processes.map((one) => [one.pid, one.tag]),
      [[pid, 'ticking']],
    );
    const kill = { process: { pid }, signal: 'SIGNAL_SIGKILL' };
    assert.deepEqual(await agent.call('process.Process/SendSignal', kill), {});
    assert.equal((await outcome(agent.stream(CONNECT, { process: { pid } }))).exitCode, -1);
    assert.equal((await agent.call('process.Process/SendSignal', kill)).code, 'not_found');
  });

  it('end at their time limit', async () => {
    const { exitCode, error } = await outcome(
      envd(vm.address).stream(START, sh('sleep 60 & wait'), { timeoutMs: 500 }),
    );
    assert.deepEqual([exitCode, error], [-1, 'deadline_exceeded']);
    assert.equal(await sleepers(), '0');
  });

  it('have a terminal with jobs and a size', async () => {
    const agent = envd(vm.address);
    const shell = {
      process: { cmd: 'bash', args: ['-i'], envs: { TERM: 'dumb' } },
      pty: { size: { cols: 90, rows: 30 } },
    };
    const events = agent.stream(START, shell);
    const process = { pid: (await events.next()).value.event.start.pid as number };
    const type = (text: string) => agent.call('process.Process/SendInput', { process, input: { pty: btoa(text) } });
    const screen = new Screen(events);
    await type('stty size; tty\n');
    await screen.shows(/^30 90\r\n\/dev\/pts\/\d+\r\n/m);
    await agent.call('process.Process/Update', { process, pty: { size: { cols: 120, rows: 40 } } });
    await type('stty size; sh -c "echo the job ru""ns; exec sleep 600"\n');
    await screen.shows(/^40 120\r\nthe job runs/m);
    await type('\x03');
    await type('echo left with $?; exit 5\n');
    await screen.shows(/left with 130/);
    assert.equal((await outcome(events)).exitCode, 5);
  });

  it('take input, and show changes of files', async () => {
    const agent = envd(vm.address);
    const changes: string[] = [];
    const watch = agent.stream('filesystem.Filesystem/WatchDir', { path: '', recursive: true });
    await watch.next();
    const events = agent.stream(START, sh('mkdir -p made; cat > made/file', { stdin: true }));
    const process = { pid: (await events.next()).value.event.start.pid as number };
    await agent.call('process.Process/SendInput', { process, input: { stdin: btoa('from outside') } });
    assert.deepEqual(await agent.call('process.Process/CloseStdin', { process }), {});
    assert.equal((await outcome(events)).exitCode, 0);
    for await (const { filesystem } of watch) {
      changes.push(`${filesystem?.type} ${filesystem?.name}`);
      if (filesystem?.type === 'EVENT_TYPE_WRITE') break;
    }
    assert.deepEqual(changes, ['EVENT_TYPE_CREATE made', 'EVENT_TYPE_CREATE made/file', 'EVENT_TYPE_WRITE made/file']);
    assert.equal(await (await fetch(agent.file('made/file'))).text(), 'from outside');
  });

  it('move files larger than the agent may be', async () => {
    const agent = envd(vm.address);
    const piece = randomBytes(1024 * 1024);
    const pieces = 96;
    const sent = createHash('sha256');
    const body = new ReadableStream({
      pull(controller) {
        if (controller.desiredSize === null) return;
        sent.update(piece);
        controller.enqueue(piece);
        if (++count === pieces) controller.close();
      },
    });
    let count = 0;
    const headers = { 'content-type': 'application/octet-stream' };
    const up = await fetch(agent.file('deep/down/large'), { method: 'POST', headers, body, duplex: 'half' });
    const path = '/home/user/deep/down/large';
    assert.deepEqual(await up.json(), [{ path, name: 'large', type: 'file' }]);
    const got = createHash('sha256');
    const down = await fetch(agent.file('~/deep/down/large'));
    assert.equal(Number(down.headers.get('content-length')), pieces * piece.length);
    for await (const chunk of down.body ?? []) got.update(chunk);
    assert.equal(got.digest('hex'), sent.digest('hex'));
    const { entry } = (await agent.call('filesystem.Filesystem/Stat', { path })) as { entry: Record<string, unknown> };
    assert.deepEqual([entry.size, entry.owner, entry.group], [String(pieces * piece.length), 'user', 'user']);
    assert.equal(await shell(at.host, vm.id, 'stat -c %U:%a /home/user/deep/down'), 'user:755');
    const peak = Number(
      await shell(at.host, vm.id, 'grep -h VmHWM $(grep -l "^Name:.thaw-agent$" /proc/[0-9]*/status) | tr -dc 0-9'),
    );
    assert.ok(peak > 0 && peak < 64 * 1024, `${peak} KiB`);
    await agent.call('filesystem.Filesystem/Remove', { path: 'deep' });
  });

  it('are run by the host with input, a limit and an end', async () => {
    const run = (request: Partial<ExecRequest>, signal?: AbortSignal) =>
      gather(at.host.exec(vm.id, { argv: ['true'], cwd: '/', timeoutMs: 20_000, ...request }, signal));
    const text = randomBytes(3_000_000);
    const input = async function* () {
      yield text.subarray(0, 2_000_000);
      yield text.subarray(2_000_000);
    };
    const counted = await run({ argv: ['sha256sum'], stdin: input() });
    assert.equal(counted.text, `${createHash('sha256').update(text).digest('hex')}  -\n`);
    assert.equal((await run({ argv: ['cat'] })).text, '');
    assert.equal((await run({ argv: ['true'], stdin: input() })).end?.code, 0);
    const broken = async function* () {
      yield text.subarray(0, 10);
      throw new Error('no more of it');
    };
    await assert.rejects(run({ argv: ['cat'], stdin: broken() }), /no more of it/);
    await assert.rejects(run({ argv: ['not-there'] }), {
      code: 'unprocessable',
      message: /not-there: command not found/,
    });
    assert.deepEqual((await run({ argv: ['sleep', '60'], timeoutMs: 300 })).end, {
      ...{ kind: 'exit', code: null, signal: 'SIGKILL', timedOut: true, truncated: false },
    });
    const cut = await run({ argv: ['sh', '-c', 'head -c 100000 /dev/zero; exit 3'], maxOutputBytes: 1000 });
    assert.deepEqual([cut.text.length, cut.end?.truncated, cut.end?.code], [1000, true, 3]);
    const leave = new AbortController();
    const left = run({ argv: ['sleep', '61'] }, leave.signal);
    setTimeout(() => leave.abort(), 300);
    await assert.rejects(left, /abort/);
    for (let i = 0; i < 50 && (await sleepers()) !== '0'; i++) await sleep(50);
    assert.equal(await sleepers(), '0');
  });
});

/** What a terminal showed so far. */
class Screen {
  #text = '';
  readonly #events: AsyncGenerator<AgentEvent>;

  constructor(events: AsyncGenerator<AgentEvent>) {
    this.#events = events;
  }

  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#text)) {
      const { value, done } = await this.#events.next();
      assert.ok(!done, `the terminal ended with ${JSON.stringify(this.#text)}`);
      this.#text += Buffer.from(value.event?.data?.pty ?? '', 'base64').toString();
    }
  }
}

async function gather(events: AsyncIterable<ExecEvent>) {
  const chunks: Uint8Array[] = [];
  let end: Extract<ExecEvent, { kind: 'exit' }> | undefined;
  for await (const event of events) {
    if (event.kind === 'exit') end = event;
    else chunks.push(event.data);
  }
  return { text: Buffer.concat(chunks).toString('latin1'), end };
}
