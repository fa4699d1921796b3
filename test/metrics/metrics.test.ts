import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { register } from 'prom-client';
import { countedThaw } from '../../platform/metrics/counted-thaw.ts';
import { type Metrics, openMetrics } from '../../platform/metrics/open.ts';
import type { StateSources } from '../../platform/metrics/state.ts';
import { measured, parseExposition } from './exposition.ts';

const IDLE: StateSources = {
  instances: () => [],
  queues: () => [],
  facts: async () => ({
    vms: 0,
    slots: { ready: 4, used: 0, total: 16_384 },
    templates: { count: 0, bytes: 0 },
  }),
};

async function scrape(metrics: Metrics) {
  const { type, text } = await metrics.exposition();
  assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8');
  return parseExposition(text);
}

const request = { app: 'shop', status: 200, start: 'warm', answeredMs: 4 } as const;

describe('metrics', () => {
  it('count requests by app, class of the status and start', async () => {
    const metrics = openMetrics(IDLE);
    for (const status of [200, 204, 404]) metrics.observe.request({ ...request, status });
    metrics.observe.request({ ...request, start: 'cold' });
    metrics.observe.request({ app: 'shop', status: 503, start: undefined, answeredMs: 1 });
    metrics.observe.request({ app: undefined, status: 404, start: undefined, answeredMs: 1 });
    const found = await scrape(metrics);
    const count = (status: string, start: string) =>
      measured(found, 'thaw_requests_total', { app: 'shop', status, start });
    assert.equal(found.get('thaw_requests_total')?.type, 'counter');
    assert.deepEqual(
      [count('2xx', 'warm'), count('4xx', 'warm'), count('2xx', 'cold'), count('5xx', 'none')],
      [2, 1, 1, 1],
    );
    assert.equal(measured(found, 'thaw_unrouted_requests_total', { status: '4xx' }), 1);
    metrics.observe.forget('shop');
    assert.deepEqual((await scrape(metrics)).get('thaw_requests_total')?.samples, []);
  });

  it('have a histogram of latencies for each start; one that was never answered has none', async () => {
    const metrics = openMetrics(IDLE);
    for (const answeredMs of [0.4, 4, 40, 400_000]) metrics.observe.request({ ...request, answeredMs });
    metrics.observe.request({ ...request, start: 'cold', answeredMs: 185 });
    metrics.observe.request({ app: 'shop', status: 499, start: undefined, answeredMs: undefined });
    const found = await scrape(metrics);
    assert.equal(found.get('thaw_request_latency_seconds')?.type, 'histogram');
    const below = (le: string, start = 'warm') => measured(found, 'thaw_request_latency_seconds_bucket', { le, start });
    assert.deepEqual([below('0.001'), below('0.005'), below('0.05'), below('30'), below('+Inf')], [1, 2, 3, 3, 4]);
    assert.deepEqual([below('0.1', 'cold'), below('0.25', 'cold'), below('+Inf', 'none')], [0, 1, undefined]);
    assert.equal(measured(found, 'thaw_request_latency_seconds_count', { start: 'cold' }), 1);
    assert.equal(measured(found, 'thaw_request_latency_seconds_sum', { start: 'cold' }), 0.185);
  });

  it('count thaws, and tell where their time went', async () => {
    const metrics = openMetrics(IDLE);
    const { signal } = new AbortController();
    const { observe } = metrics;
    const thawed = { id: 'i1', phases: { prepare: 2, load: 12 } };
    assert.equal(await countedThaw(observe, 'cold', signal, Promise.resolve(thawed)), thawed);
    await countedThaw(observe, 'resumed', signal, Promise.resolve({ phases: { load: 9 } }));
    const failure = new Error('no room');
    await assert.rejects(countedThaw(observe, 'cold', signal, Promise.reject(failure)), failure);
    await assert.rejects(countedThaw(observe, 'cold', AbortSignal.abort(), Promise.reject(failure)), failure);
    const found = await scrape(metrics);
    const thaws = found.get('thaw_thaws_total')?.samples.map(({ labels, value }) => ({ ...labels, value }));
    assert.deepEqual(thaws, [
      { start: 'cold', outcome: 'ready', value: 1 },
      { start: 'resumed', outcome: 'ready', value: 1 },
      { start: 'cold', outcome: 'failed', value: 1 },
      { start: 'cold', outcome: 'cancelled', value: 1 },
    ]);
    const phase = (phase: string, start: string) => measured(found, 'thaw_phase_seconds_sum', { phase, start });
    assert.deepEqual(
      [phase('prepare', 'cold'), phase('load', 'cold'), phase('load', 'resumed')],
      [0.002, 0.012, 0.009],
    );
  });

  it('count builds by what came of them', async () => {
    const metrics = openMetrics(IDLE);
    metrics.observe.build({ outcome: 'ready', ms: 8000 });
    metrics.observe.build({ outcome: 'build_failed', ms: 3000 });
    metrics.observe.build({ outcome: 'cancelled', ms: 1000 });
    const found = await scrape(metrics);
    for (const outcome of ['ready', 'build_failed', 'cancelled'])
      assert.equal(measured(found, 'thaw_builds_total', { outcome }), 1);
    assert.equal(measured(found, 'thaw_build_seconds_sum', { outcome: 'ready' }), 8);
    assert.equal(measured(found, 'thaw_build_seconds_count', { outcome: 'failed' }), 2);
  });

  it('tell how things stand now, not how they stood', async () => {
    const instances = [
      { app: 'shop', state: 'ready' },
      { app: 'shop', state: 'ready' },
      { app: 'shop', state: 'asleep' },
      { app: 'blog', state: 'retiring' },
    ];
    const queues = [
      { app: 'shop', waiting: 3 },
      { app: 'shop', waiting: 1 },
    ];
    const metrics = openMetrics({
      instances: () => instances,
      queues: () => queues,
      facts: async () => ({
        vms: 5,
        slots: { ready: 4, used: 3, total: 16_384 },
        templates: { count: 7, bytes: 700_000_000 },
      }),
    });
    const found = await scrape(metrics);
    assert.equal(measured(found, 'thaw_instances', { app: 'shop', state: 'ready' }), 2);
    assert.equal(measured(found, 'thaw_instances', { app: 'shop', state: 'asleep' }), 1);
    assert.equal(measured(found, 'thaw_instances', { app: 'blog', state: 'retiring' }), 1);
    assert.equal(measured(found, 'thaw_waiting_requests', { app: 'shop' }), 4);
    assert.equal(measured(found, 'thaw_vms'), 5);
    assert.equal(measured(found, 'thaw_slots', { state: 'ready' }), 4);
    assert.equal(measured(found, 'thaw_slots', { state: 'used' }), 3);
    assert.equal(measured(found, 'thaw_templates'), 7);
    assert.equal(measured(found, 'thaw_template_bytes'), 700_000_000);
    instances.splice(0, 3);
    queues.splice(0);
    const later = await scrape(metrics);
    assert.deepEqual(
      later.get('thaw_instances')?.samples.map(({ labels }) => labels),
      [{ app: 'blog', state: 'retiring' }],
    );
    assert.deepEqual(later.get('thaw_waiting_requests')?.samples, []);
  });

  it('tell of the process, and are those of one server alone', async () => {
    const [one, other] = [openMetrics(IDLE), openMetrics(IDLE)];
    one.observe.request(request);
    const found = await scrape(one);
    assert.ok((measured(found, 'process_resident_memory_bytes') ?? 0) > 1_000_000);
    assert.ok(found.has('nodejs_eventloop_lag_p99_seconds'));
    assert.deepEqual((await scrape(other)).get('thaw_requests_total')?.samples, []);
    assert.equal(await register.metrics(), '\n', 'nothing is in the registry that a whole process shares');
  });

  it('grow with the number of apps alone', async () => {
    const metrics = openMetrics(IDLE);
    for (let app = 0; app < 100; app += 1) {
      for (let status = 100; status < 600; status += 1)
        for (const start of ['cold', 'resumed', 'warm', undefined] as const)
          metrics.observe.request({ app: `app${app}`, status, start, answeredMs: status });
    }
    const families = await scrape(metrics);
    assert.equal(families.get('thaw_requests_total')?.samples.length, 100 * 5 * 4);
    assert.ok((families.get('thaw_request_latency_seconds')?.samples.length ?? 0) <= 4 * 20);
  });

  it('give so many apps series of their own, and the rest share one', async () => {
    const instances = ['c', 'd', 'a'].map((app) => ({ app, state: 'asleep' }));
    const metrics = openMetrics({ ...IDLE, instances: () => instances, mostApps: 3 });
    const apps = async (name: string) =>
      (await scrape(metrics)).get(name)?.samples.map(({ labels, value }) => [labels.app, value]);
    for (const app of ['a', 'b']) metrics.observe.request({ ...request, app });
    assert.deepEqual(await apps('thaw_instances'), [
      ['c', 1],
      ['other', 1],
      ['a', 1],
    ]);
    for (const app of ['e', 'f', 'g', 'a']) metrics.observe.request({ ...request, app });
    assert.deepEqual(await apps('thaw_requests_total'), [
      ['a', 2],
      ['b', 1],
      ['e', 1],
      ['other', 2],
    ]);
    metrics.observe.forget('b');
    metrics.observe.forget('other');
    for (const app of ['f', 'g']) metrics.observe.request({ ...request, app });
    assert.deepEqual(await apps('thaw_requests_total'), [
      ['a', 2],
      ['e', 1],
      ['other', 3],
      ['f', 1],
    ]);
  });

  it('have a class for any status that code may send', async () => {
    const metrics = openMetrics(IDLE);
    metrics.observe.request({ ...request, status: 999 });
    const labels = { app: 'shop', status: 'other', start: 'warm' };
    assert.equal(measured(await scrape(metrics), 'thaw_requests_total', labels), 1);
    metrics.observe.forget('shop');
    assert.equal(measured(await scrape(metrics), 'thaw_requests_total', labels), undefined);
  });
});
