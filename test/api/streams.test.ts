import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import type { DeployRequest } from '../../platform/api/parts.ts';
import { ThawError } from '../../platform/errors.ts';
import type { LogLine } from '../../platform/logs/contract.ts';
import { type ApiFixture, startApi } from '../fixtures/api.ts';
import { RUN } from '../fixtures/control.ts';

const TAR = { 'content-type': 'application/x-tar' };

describe('streams', () => {
  let api: ApiFixture;
  const closing = new AbortController();
  before(async () => {
    api = await startApi({ closing: closing.signal });
  });
  after(() => api[Symbol.asyncDispose]());

  /** What the builders do, without the building: reads the source, writes the rows. */
  async function release({ app, branch, source }: DeployRequest): Promise<{ bytes: number; deployment: string }> {
    let bytes = 0;
    for await (const chunk of source) bytes += chunk.byteLength;
    const { id } = await api.control.deployments.begin({ app, branch, commit: null });
    return { bytes, deployment: id };
  }

  const logLine = (line: string): LogLine => ({
    time: '2026-01-02T03:04:05.678Z',
    instance: 'i0123456789ab',
    deployment: 'd0123456789a',
    stream: 'stdout',
    level: 'info',
    line,
  });

  test('a deployment is streamed line by line, and makes the app', async () => {
    const seen: DeployRequest[] = [];
    api.parts.deploy = async (request, report) => {
      seen.push(request);
      report('detected a function');
      const { bytes, deployment: id } = await release(request);
      report(`received ${bytes} bytes`);
      const deployment = await api.control.deployments.ready(id, { kind: 'function', template: 't_x', run: RUN });
      const { app, branch } = request;
      const made = await api.control.releases.create({ app, branch, deployment: id, reason: 'deploy' });
      return { deployment, release: made, url: 'http://topic--fresh.localhost:8080/' };
    };
    const body = new Blob([new Uint8Array(300_000)]).stream();
    const path = '/v1/apps/fresh/deployments?branch=topic';
    const { status, headers, json } = await api.call('POST', path, { body, headers: TAR });
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'application/x-ndjson');
    const [first, second, done] = json;
    assert.deepEqual(first, { type: 'line', text: 'detected a function' });
    assert.deepEqual(second, { type: 'line', text: 'received 300000 bytes' });
    assert.equal(done.type, 'done');
    assert.equal(done.url, 'http://topic--fresh.localhost:8080/');
    assert.equal(done.release.branch, 'topic');
    assert.equal(done.deployment.status, 'ready');
    assert.ok(!('run' in done.deployment) && !('template' in done.deployment));
    assert.equal(json.length, 3);
    assert.equal(seen[0]?.principal.project, null);
    assert.equal((await api.control.apps.get('fresh', null)).project, 'default');
  });

  test('a line arrives when it is reported, not when all is over', async () => {
    const goOn = Promise.withResolvers<void>();
    api.parts.deploy = async (_, report) => {
      report('waiting');
      await goOn.promise;
      throw new ThawError('build_failed', 'SyntaxError: no', { hint: 'Correct it.' });
    };
    const answer = await post('slow');
    const lines = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.deepEqual(JSON.parse((await lines?.read())?.value ?? ''), { type: 'line', text: 'waiting' });
    goOn.resolve();
    assert.deepEqual(JSON.parse((await lines?.read())?.value ?? ''), {
      type: 'failed',
      error: { code: 'build_failed', message: 'SyntaxError: no', hint: 'Correct it.' },
    });
    assert.equal((await lines?.read())?.done, true);
  });

  test('a foreign error inside a stream stays inside', async () => {
    api.parts.deploy = () => Promise.reject(new Error('/secret/path'));
    const { json } = await api.call('POST', '/v1/apps/foreign/deployments', { body: 'x', headers: TAR });
    assert.equal(json.length, 1);
    assert.equal(json[0].error.code, 'internal');
    assert.ok(!JSON.stringify(json).includes('secret'));
  });

  test('a client that goes ends the build', async () => {
    const ended = Promise.withResolvers<AbortSignal>();
    api.parts.deploy = async (_, report, signal) => {
      report('building');
      await once(signal, 'abort');
      ended.resolve(signal);
      throw signal.reason;
    };
    const client = new AbortController();
    const answer = await post('left', client.signal);
    await answer.body?.getReader().read();
    client.abort();
    assert.equal((await ended.promise).aborted, true);
  });

  test('a client that goes while it is sending ends the build', async () => {
    const ended = Promise.withResolvers<unknown>();
    const reading = Promise.withResolvers<void>();
    api.parts.deploy = async (request) => {
      reading.resolve();
      await release(request).catch((error: unknown) => {
        ended.resolve(error);
        throw error;
      });
      throw new Error('the upload seemed whole');
    };
    const client = new AbortController();
    // Fetch goes on pulling from a body after it was aborted: this one has to end by itself.
    const sending = new ReadableStream({
      start(stream) {
        client.signal.addEventListener('abort', () => stream.error(client.signal.reason));
        stream.enqueue(new Uint8Array(1000));
      },
    });
    const answer = post('half', client.signal, sending).catch(() => {});
    await reading.promise;
    client.abort();
    await answer;
    assert.equal(((await ended.promise) as ThawError).code, 'cancelled');
  });

  test('an upload past the limit is refused while it comes', async () => {
    api.parts.deploy = async (request) => {
      await release(request);
      throw new Error('the limit did not hold');
    };
    for (const bytes of [1024 * 1024 + 1, 20 * 1024 * 1024]) {
      const body = new Blob([new Uint8Array(bytes)]).stream();
      const { json } = await api.call('POST', '/v1/apps/large/deployments', { body, headers: TAR });
      assert.equal(json.at(-1).error.code, 'too_large');
    }
  });

  test('a build that fails before it read the upload still tells why', async () => {
    api.parts.deploy = () => Promise.reject(new ThawError('build_failed', 'No place for this.'));
    for (const bytes of [900_000, 20_000_000]) {
      const body = new Blob([new Uint8Array(bytes)]).stream();
      const { json } = await api.call('POST', '/v1/apps/early/deployments', { body, headers: TAR });
      assert.deepEqual(json, [{ type: 'failed', error: { code: 'build_failed', message: 'No place for this.' } }]);
    }
  });

  test('what is wrong before the stream begins has its status', async () => {
    await api.control.projects.create('theirs');
    const key = await api.key('theirs', ['deploy']);
    await api.deployed('mine');
    const attempt = (path: string, options: Parameters<ApiFixture['call']>[2]) => api.call('POST', path, options);
    const codes = [
      await attempt('/v1/apps/mine/deployments', { key, body: 'x', headers: TAR }),
      await attempt('/v1/apps/mine/deployments', { body: 'x', headers: { 'content-type': 'application/zip' } }),
      await attempt('/v1/apps/mine/deployments', { headers: TAR }),
      await attempt('/v1/apps/mine/deployments?branch=a..b', { body: 'x', headers: TAR }),
      await attempt('/v1/apps/-x/deployments', { body: 'x', headers: TAR }),
    ].map(({ status, json }) => `${status} ${json.error.code}`);
    assert.deepEqual(codes, ['409 conflict', ...Array.from({ length: 4 }, () => '400 invalid_input')]);
  });

  test('a log is told as the other room tells it, with the options that were asked for', async () => {
    await api.deployed('writes');
    const asked: unknown[] = [];
    api.parts.logs = async function* (app, options) {
      asked.push([app.name, options]);
      yield logLine('one');
      yield logLine('two \u2028 "quoted"');
    };
    const { json } = await api.call('GET', '/v1/apps/writes/logs');
    assert.deepEqual(json, [logLine('one'), logLine('two \u2028 "quoted"')]);
    await api.call('GET', '/v1/apps/writes/logs?follow=1&limit=0');
    const everything =
      'since=2026-01-02T04:04:05%2B01:00&until=2026-01-03T00:00:00Z&level=warn&text=Oh%20no&stream=stderr' +
      '&deployment=d0123456789a&instance=i0123456789ab&requestId=a.b-c_d';
    assert.equal((await api.call('GET', `/v1/apps/writes/logs?${everything}`)).status, 200);
    const undated = { since: undefined, until: undefined };
    const query = {
      since: '2026-01-02T03:04:05.000Z',
      until: '2026-01-03T00:00:00.000Z',
      level: 'warn',
      text: 'Oh no',
      stream: 'stderr',
      deployment: 'd0123456789a',
      instance: 'i0123456789ab',
      requestId: 'a.b-c_d',
    };
    assert.deepEqual(asked, [
      ['writes', { query: undated, limit: 100, follow: false }],
      ['writes', { query: undated, limit: 0, follow: true }],
      ['writes', { query, limit: 10_000, follow: false }],
    ]);
  });

  test('what a log cannot be asked for is named', async () => {
    const wrong: [query: string, named: RegExp][] = [
      ['follow=yes', /^follow: /],
      ['limit=-1', /^limit: /],
      ['limit=x', /^limit: /],
      ['limit=1000000', /^limit: /],
      ['since=yesterday', /^since: .*2026-01-02T03:04:05Z/],
      ['until=2026-13-01T00:00:00Z', /^until: /],
      ['level=debug', /^level: /],
      ['text=', /^text: /],
      ['stream=stdin', /^stream: /],
      ['deployment=x', /^deployment: /],
      ['requestId=a%0Ab', /^requestId: /],
      ['follow=1&until=2026-01-03T00:00:00Z', /until/],
    ];
    for (const [query, named] of wrong) {
      const { status, json } = await api.call('GET', `/v1/apps/writes/logs?${query}`);
      assert.equal(status, 400, query);
      assert.match(json.error.message, named);
    }
  });

  test('a log that breaks off says so in its last line', async () => {
    api.parts.logs = async function* () {
      yield logLine('one');
      throw new ThawError('unavailable', 'The log cannot be read now.');
    };
    const { json } = await api.call('GET', '/v1/apps/writes/logs');
    assert.deepEqual(json[1], { error: { code: 'unavailable', message: 'The log cannot be read now.' } });
    assert.equal(json.length, 2);
  });

  test('a quiet log that is followed is let go when the client goes, and when the server closes', async () => {
    let open = 0;
    let changed = Promise.withResolvers<void>();
    api.parts.logs = async function* (_app, _options, signal) {
      open += 1;
      try {
        yield logLine('the last for long');
        if (!signal.aborted) await once(signal, 'abort');
      } finally {
        open -= 1;
        changed.resolve();
      }
    };
    const client = new AbortController();
    const follow = async () => {
      const headers = { authorization: `Bearer ${api.admin}` };
      const answer = await fetch(`${api.url}/v1/apps/writes/logs?follow=1`, { headers, signal: client.signal });
      const reader = answer.body?.getReader();
      await reader?.read();
      return reader;
    };
    await follow();
    assert.equal(open, 1);
    client.abort();
    await changed.promise;
    assert.equal(open, 0);

    const headers = { authorization: `Bearer ${api.admin}` };
    changed = Promise.withResolvers();
    const answer = await fetch(`${api.url}/v1/apps/writes/logs?follow=1`, { headers });
    const reader = answer.body?.getReader();
    await reader?.read();
    closing.abort();
    await changed.promise;
    assert.equal((await reader?.read())?.done, true);
  });

  function post(app: string, signal?: AbortSignal, body: RequestInit['body'] = 'x'): Promise<Response> {
    const headers = { ...TAR, authorization: `Bearer ${api.admin}` };
    const init: RequestInit = { method: 'POST', headers, body, duplex: 'half' };
    return fetch(`${api.url}/v1/apps/${app}/deployments`, signal === undefined ? init : { ...init, signal });
  }
});
