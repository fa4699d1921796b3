import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { functionRun } from '../../builders/function/runner.ts';
import type { Control } from '../../platform/control/contract.ts';
import { WorkTree } from '../fixtures/git.ts';
import { HELLO, openStand, type Stand } from './pushing.ts';

const built = (template: string) => ({
  kind: 'function' as const,
  template,
  run: functionRun('index.bundle.mjs', 'index.ts'),
});

async function pushed(stand: Stand, app: string): Promise<string> {
  await using tree = await WorkTree.create({ 'index.ts': HELLO });
  assert.equal((await tree.push(stand.remote(app))).code, 0);
  return (await tree.git('rev-parse', 'HEAD')).text.trim();
}

test('a ref that git moved before the server ended is released at the next start', async () => {
  await using stand = await openStand();
  const commit = await pushed(stand, 'moved');
  let interrupted = '';
  await stand.restart(async (control: Control) => {
    // As after pre-receive of a second push of this branch, with the ref moved and post-receive never heard.
    const { id } = await control.deployments.begin({ app: 'moved', branch: 'main', commit });
    await control.deployments.ready(id, built('t_x'));
    interrupted = id;
  });
  assert.equal((await stand.control.releases.current('moved', 'main'))?.deployment, interrupted);
});

test('a ready deployment whose ref never moved is taken back with its template', async () => {
  await using stand = await openStand();
  await pushed(stand, 'unmoved');
  const production = await stand.control.releases.current('unmoved', 'main');
  stand.host.frozen.set('t_lost', {
    ...(await stand.host.runtimeTemplate('node', { memoryMiB: 1, vcpus: 1 })),
    id: 't_lost',
    labels: { deployment: 'd' },
  });
  let lost = '';
  await stand.restart(async (control) => {
    const { id } = await control.deployments.begin({ app: 'unmoved', branch: 'main', commit: 'f'.repeat(40) });
    await control.deployments.ready(id, built('t_lost'));
    lost = id;
  });
  assert.equal((await stand.control.deployments.get(lost)).status, 'failed');
  assert.equal(stand.host.frozen.has('t_lost'), false);
  assert.deepEqual(await stand.control.releases.current('unmoved', 'main'), production);
});

test('a rollback stays a rollback', async () => {
  await using stand = await openStand();
  await using tree = await WorkTree.create({ 'index.ts': HELLO });
  await tree.push(stand.remote('back'));
  const first = (await stand.control.releases.current('back', 'main'))?.deployment ?? '';
  await tree.commit({ 'index.ts': `${HELLO}// 2\n` });
  await tree.push(stand.remote('back'));
  await stand.control.releases.create({ app: 'back', branch: 'main', deployment: first, reason: 'rollback' });
  await stand.restart();
  assert.equal((await stand.control.releases.current('back', 'main'))?.deployment, first);
});

test('what was being built has failed, and what belongs to nothing is removed', async () => {
  await using stand = await openStand();
  await pushed(stand, 'gone');
  stand.host.frozen.set('t_orphan', {
    ...(await stand.host.runtimeTemplate('node', { memoryMiB: 1, vcpus: 1 })),
    id: 't_orphan',
    labels: { deployment: 'd00000000000' },
  });
  let building = '';
  await stand.restart(async (control) => {
    await control.apps.remove('gone', null);
    await control.apps.create('other', 'default');
    building = (await control.deployments.begin({ app: 'other', branch: 'main', commit: null })).id;
  });
  assert.equal((await stand.control.deployments.get(building)).status, 'failed');
  assert.deepEqual(
    [...stand.host.frozen.values()].filter(({ labels }) => labels.prepared === undefined),
    [],
  );
  assert.deepEqual(
    (await readdir(join(stand.data, 'git'))).filter((name) => name.endsWith('.git')),
    ['empty.git'],
  );
});
