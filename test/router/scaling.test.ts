import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../platform/config.ts';
import type { RouteEntry, Scaling } from '../../platform/control/contract.ts';
import { withLimits } from '../../platform/route-limits.ts';

function entry(label: string, deployment: string, scaling: Scaling = {}): RouteEntry {
  const shape = { memoryMiB: 512, vcpus: 2 };
  return { label, app: 'shop', project: 'default', deployment, kind: 'web', template: 't', port: 80, shape, scaling };
}

function limitsOf(scaling: Scaling, env: Record<string, string> = {}) {
  const [route] = withLimits([entry('shop', 'd1', scaling)], readConfig(env));
  return route?.limits;
}

test('an app that says nothing gets the defaults of the operator', () => {
  const limits = limitsOf({}, { THAW_SOFT_LIMIT: '5', THAW_MAX_INSTANCES: '3', THAW_IDLE_MS: '2000' });
  assert.deepEqual(limits, {
    softLimit: 5,
    hardLimit: 5,
    minInstances: 0,
    maxInstances: 3,
    idleMs: 2000,
    sleep: 'stop',
    queue: 120,
    wakeTimeoutMs: 30_000,
    responseTimeoutMs: 60_000,
  });
});

test('what an app asks for holds, within what the operator allows', () => {
  const asked: Scaling = { minInstances: 9, maxInstances: 99, softLimit: 50, hardLimit: 5000, idleMs: 1e9 };
  const { minInstances, maxInstances, softLimit, hardLimit, idleMs } = limitsOf(asked) ?? {};
  assert.deepEqual([minInstances, maxInstances, softLimit, hardLimit, idleMs], [4, 16, 50, 1000, 3_600_000]);
  const own = limitsOf({ minInstances: 2, maxInstances: 3, hardLimit: 8 });
  assert.deepEqual([own?.minInstances, own?.maxInstances, own?.softLimit, own?.hardLimit], [2, 3, 8, 8]);
});

test('an instance takes its memory and processors of what an admin has set for its project', () => {
  const limits = {
    apps: null,
    buildMinutes: null,
    diskMiB: null,
    requestsPerSecond: null,
    volumes: null,
    volumeMiB: null,
    databases: null,
    databaseMiB: null,
    databaseMemoryMiB: null,
  };
  const set = new Map([['default', { ...limits, instances: null, memoryMiB: 1024, cpus: null }]]);
  const [whole, part] = withLimits([entry('a', 'd1'), { ...entry('b', 'd2'), cpus: 0.5 }], readConfig({}), set);
  assert.deepEqual(whole?.takes, { instances: 1, memoryMiB: 512, cpus: 2 });
  assert.deepEqual(part?.takes, { instances: 1, memoryMiB: 512, cpus: 0.5 });
  assert.deepEqual(whole?.projectMost, { instances: readConfig({}).projectInstances, memoryMiB: 1024 });
});

test('an app that never sleeps keeps one instance up, unless the operator forbids it', () => {
  assert.equal(limitsOf({ sleep: 'off' })?.minInstances, 1);
  assert.equal(limitsOf({ sleep: 'off', minInstances: 3 })?.minInstances, 3);
  assert.equal(limitsOf({ sleep: 'off' }, { THAW_MIN_INSTANCES_LIMIT: '0' })?.minInstances, 0);
  assert.equal(limitsOf({ sleep: 'freeze' })?.sleep, 'freeze');
});

test('a deployment is in front when an app, a branch or a domain leads to it', () => {
  const entries = [
    entry('shop', 'd1'),
    entry('d1--shop', 'd1'),
    entry('d2--shop', 'd2'),
    entry('*.example.com', 'd3'),
    entry('d3--shop', 'd3'),
  ];
  const routes = withLimits(entries, readConfig({}));
  assert.deepEqual(
    routes.map(({ label, front }) => [label, front]),
    [
      ['shop', true],
      ['d1--shop', true],
      ['d2--shop', false],
      ['*.example.com', true],
      ['d3--shop', true],
    ],
  );
});

test('the rate of a project is no limit unless the operator sets one', () => {
  const rateOf = (env: Record<string, string>) => withLimits([entry('shop', 'd1')], readConfig(env))[0]?.rateLimit;
  assert.equal(rateOf({}), undefined);
  assert.deepEqual(rateOf({ THAW_PROJECT_RPS: '50' }), { requestsPerSecond: 50, burst: 100 });
  assert.deepEqual(rateOf({ THAW_PROJECT_RPS: '50', THAW_PROJECT_BURST: '7' }), { requestsPerSecond: 50, burst: 7 });
});
