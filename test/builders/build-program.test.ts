import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Line } from '../../builders/guest/say.ts';
import { openProgram } from './running-program.ts';

const program = await openProgram();
after(() => program[Symbol.asyncDispose]());
let count = 0;

/** Builds a tree whose build step is `command`. */
async function build(command: string, mask: string[] = [], signal?: AbortSignal): Promise<Line[]> {
  const tree = await program.tree(`tree${++count}`, {
    'index.html': '<p>',
    'thaw.toml': `build = '''${command}'''`,
  });
  const [plan] = await program.order({ do: 'inspect', tree, runtimeRoot: '/app', env: {}, mask });
  assert.ok(plan && 'plan' in plan, JSON.stringify(plan));
  return program.order({ do: 'build', mask }, signal);
}

function failure(lines: Line[]) {
  const last = lines.at(-1);
  assert.ok(last && 'failed' in last, JSON.stringify(last));
  return last.failed;
}

/** Waits until a file of a tree holds a process id. */
async function pidIn(name: string): Promise<number> {
  for (;;) {
    const pid = Number(await readFile(join(program.directory, `tree${count}`, name), 'utf8').catch(() => ''));
    if (pid > 0) return pid;
    await sleep(10);
  }
}

const runs = (pid: number) =>
  readFile(`/proc/${pid}/stat`, 'utf8').then(
    (stat) => !/^\d+ \(.*\) Z/.test(stat), // A dead one may wait for whoever reaps it.
    () => false,
  );

async function ended(pid: number): Promise<void> {
  for (let waited = 0; await runs(pid); waited += 10) {
    assert.ok(waited < 5000, `${pid} still runs`);
    await sleep(10);
  }
}

test('one program carries out the orders for one tree after another', async () => {
  for (const text of ['one', 'two']) {
    const lines = await build(`echo ${text}; cp index.html built.html`);
    assert.deepEqual(lines.slice(1), [{ output: text }, { built: { kind: 'static', runtime: 'node', root: '' } }]);
  }
});

test('secrets are shown in no line, whole or cut, and not in a failure', async () => {
  const secret = 'sesame-open-1234567890';
  const lines = await build(`echo a ${secret} b; printf "%3990s${secret}\\n" x; echo ${secret} >&2; exit 1`, [secret]);
  assert.deepEqual(failure(lines).output.at(-1), '******');
  assert.doesNotMatch(JSON.stringify(lines), /sesame/);
});

test('much output is cut with a word about it, and the end still comes with the failure', async () => {
  const lines = await build('seq 5000; echo the end; exit 1');
  assert.equal(lines.filter((line) => 'output' in line).length, 1000);
  assert.deepEqual(lines.at(-2), { output: '(more output is not shown)' });
  assert.equal(failure(lines).output.at(-1), 'the end');
});

test('a step that writes without end is ended, also without line ends', async () => {
  for (const command of ['yes', 'cat /dev/zero']) {
    assert.equal(failure(await build(command)).message, 'The build wrote more than 16 MiB of output.');
  }
});

test('when who ordered has gone, all that the step has started is ended, and the next order is carried out', async () => {
  const gone = new AbortController();
  const lines = build('sleep 1000 & echo $! > background; echo $$ > step; sleep 1000', [], gone.signal);
  await assert.rejects(
    Promise.all([
      lines,
      (async () => {
        await pidIn('background');
        await pidIn('step');
        gone.abort();
      })(),
    ]),
    { name: 'AbortError' },
  );
  await ended(await pidIn('background'));
  await ended(await pidIn('step'));
  assert.ok('built' in ((await build('true')).at(-1) ?? {}));
});

test('a cancelled build begins no further step', async () => {
  const tree = await program.tree('steps', {
    'index.html': '',
    'package.json': JSON.stringify({ scripts: { prebuild: 'echo $$ > first; sleep 1000', build: 'touch second' } }),
  });
  await program.order({ do: 'inspect', tree, runtimeRoot: '/app', env: {}, mask: [] });
  const gone = new AbortController();
  const building = program.order({ do: 'build', mask: [] }, gone.signal);
  building.catch(() => {});
  let pid = 0;
  while (pid === 0) {
    pid = Number(await readFile(join(tree, 'first'), 'utf8').catch(() => 0));
    await sleep(10);
  }
  gone.abort();
  await assert.rejects(building, { name: 'AbortError' });
  await ended(pid);
  await sleep(100);
  await assert.rejects(access(join(tree, 'second')));
});

test('what a step leaves in the background does not hold it up, and is ended', async () => {
  const lines = await build('sleep 1000 & echo $! > background');
  assert.ok('built' in (lines.at(-1) ?? {}));
  await ended(await pidIn('background'));
});

const LIMITED: [what: string, command: string, message: string][] = [
  ['fills the disk', 'cp /etc/passwd /dev/full', 'The build filled its disk.'],
  [
    'starts too many processes',
    'prlimit --nproc=1 setpriv --reuid 65534 --clear-groups sh -c "sleep 1 & sleep 1"',
    'The build started more processes than it may.',
  ],
  ['is killed for its memory', 'kill -9 $$', 'The build ran out of memory.'],
  ['calls something that is killed for its memory', "sh -c 'kill -9 $$'; exit $?", 'The build ran out of memory.'],
  [
    'needs more memory than it may',
    `node --max-old-space-size=20 -e "const a = []; for (;;) a.push([Math.random()])"`,
    'The build ran out of memory.',
  ],
];

for (const [what, command, message] of LIMITED) {
  test(`a step that ${what} is told so`, async () => {
    assert.equal(failure(await build(command)).message, message);
  });
}

test('an order out of turn is answered, and the values of [env] reach the build unless others win', async () => {
  const tree = await program.tree('env', {
    'index.html': '',
    'thaw.toml': 'build = "echo $A $B"\n[env]\nA = "own"\nB = "own"',
  });
  await program.order({ do: 'inspect', tree, runtimeRoot: '/app', env: { B: 'set' }, mask: [] });
  const lines = await program.order({ do: 'build', mask: [] });
  assert.deepEqual(lines[1], { output: 'own set' });
});
