import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Instance } from '../../platform/api/parts.ts';
import type { App } from '../../platform/control/contract.ts';
import { type ApiFixture, startApi } from '../fixtures/api.ts';

describe('the routes', () => {
  let api: ApiFixture;
  before(async () => {
    api = await startApi();
  });
  after(() => api[Symbol.asyncDispose]());

  test('health needs no key, and says when the server is not ready', async () => {
    assert.deepEqual((await api.call('GET', '/healthz', { key: null })).json, { status: 'ok', version: '1.2.3' });
    api.parts.ready = () => false;
    const { status, json } = await api.call('GET', '/healthz', { key: null });
    api.parts.ready = () => true;
    assert.equal(status, 503);
    assert.equal(json.error.code, 'unavailable');
  });

  test('projects are made by admins and listed', async () => {
    const made = await api.call('POST', '/v1/projects', { json: { name: 'shop' } });
    assert.equal(made.status, 201);
    assert.equal(made.json.name, 'shop');
    const { json } = await api.call('GET', '/v1/projects');
    assert.deepEqual(
      json.projects.map(({ name }: { name: string }) => name),
      ['default', 'shop'],
    );
    assert.equal((await api.call('POST', '/v1/projects', { json: { name: 'shop' } })).status, 409);
  });

  test('an app is made, looked at, listed and removed', async () => {
    const made = await api.call('POST', '/v1/apps', { json: { name: 'plain' } });
    assert.equal(made.status, 201);
    assert.deepEqual(made.json, {
      id: made.json.id,
      project: 'default',
      name: 'plain',
      kind: null,
      url: 'http://plain.localhost:8080/',
      createdAt: made.json.createdAt,
    });
    assert.deepEqual((await api.call('GET', '/v1/apps/plain')).json, made.json);
    assert.ok((await api.call('GET', '/v1/apps')).json.apps.some(({ name }: { name: string }) => name === 'plain'));
    const removed = await api.call('DELETE', '/v1/apps/plain');
    assert.equal(removed.status, 204);
    assert.equal(removed.json, undefined);
    assert.equal((await api.call('GET', '/v1/apps/plain')).status, 404);
  });

  test('removing an app takes its templates from the host and tells the other rooms', async () => {
    const templates: string[] = [];
    const forgotten: App[] = [];
    api.parts.host.removeTemplate = async (template) => {
      templates.push(template);
    };
    api.parts.forget = async (app) => {
      forgotten.push(app);
      throw new Error('a repository that cannot be removed is no reason to fail');
    };
    await api.deployed('going');
    assert.equal((await api.call('DELETE', '/v1/apps/going')).status, 204);
    assert.deepEqual(templates, ['t_going']);
    assert.deepEqual(
      forgotten.map(({ name }) => name),
      ['going'],
    );
  });

  test('deployments are listed without what starts them', async () => {
    const id = await api.deployed('listed');
    const { status, json } = await api.call('GET', '/v1/apps/listed/deployments');
    assert.equal(status, 200);
    const [shown] = json.deployments;
    assert.deepEqual(shown, {
      id,
      app: 'listed',
      branch: 'main',
      commit: null,
      status: 'ready',
      kind: 'function',
      error: null,
      scaling: {},
      crons: [],
      createdAt: shown.createdAt,
      readyAt: shown.readyAt,
    });
  });

  test('a rollback is a new release of an old deployment; one from another branch is promoted', async () => {
    const first = await api.deployed('rolls');
    const preview = await api.control.deployments.begin({ app: 'rolls', branch: 'next', commit: null });
    const { run } = await api.control.deployments.get(first);
    assert.ok(run !== null);
    await api.control.deployments.ready(preview.id, { kind: 'function', template: 't_next', run });
    const promoted = await api.call('POST', '/v1/apps/rolls/releases', { json: { deployment: preview.id } });
    assert.equal(promoted.status, 201);
    assert.deepEqual([promoted.json.number, promoted.json.reason], [2, 'promote']);
    const back = await api.call('POST', '/v1/apps/rolls/releases', { json: { deployment: first } });
    assert.deepEqual([back.json.number, back.json.reason, back.json.branch], [3, 'rollback', 'main']);
    const { json } = await api.call('GET', '/v1/apps/rolls/releases');
    assert.deepEqual(
      json.releases.map(({ number }: { number: number }) => number),
      [3, 2, 1],
    );
    const other = await api.deployed('elsewhere');
    assert.equal((await api.call('POST', '/v1/apps/rolls/releases', { json: { deployment: other } })).status, 404);
  });

  test('a key is made, listed without its secret, used and revoked', async () => {
    const made = await api.call('POST', '/v1/keys', { json: { name: 'ci', project: 'default', scopes: ['read'] } });
    assert.equal(made.status, 201);
    const { key, secret } = made.json;
    assert.equal((await api.call('GET', '/v1/apps', { key: secret })).status, 200);
    const { json } = await api.call('GET', '/v1/keys');
    assert.ok(json.keys.some(({ id }: { id: string }) => id === key.id));
    assert.ok(!JSON.stringify(json).includes(secret));
    assert.equal((await api.call('DELETE', `/v1/keys/${key.id}`)).status, 204);
    assert.equal((await api.call('GET', '/v1/apps', { key: secret })).status, 401);
    assert.equal((await api.call('DELETE', `/v1/keys/${key.id}`)).status, 404);
  });

  test('the key of an admin is one only when it is asked for', async () => {
    const plain = await api.call('POST', '/v1/keys', { json: { name: 'plain' } });
    assert.equal(plain.json.key.project, 'default');
    const admin = await api.call('POST', '/v1/keys', { json: { name: 'second admin', project: null } });
    assert.equal(admin.json.key.project, null);
  });

  test('instances are told with their address to an admin alone', async () => {
    await api.deployed('awake');
    const instance: Instance = {
      id: 'i0123456789ab',
      app: 'awake',
      deployment: 'd0123456789a',
      address: '10.200.0.2',
      startedAt: '2026-01-02T03:04:05.678Z',
      state: 'running',
      requests: 2,
      phases: { process: 30, load: 10 },
    };
    api.parts.instances = () => [instance, { ...instance, id: 'i0123456789ac', app: 'of-nobody' }];
    assert.deepEqual((await api.call('GET', '/v1/instances')).json, { instances: [instance] });
    assert.deepEqual((await api.call('GET', '/v1/instances?app=awake')).json, { instances: [instance] });
    assert.equal((await api.call('GET', '/v1/instances?app=of-nobody')).status, 404);
    const { address: _, ...rest } = instance;
    const key = await api.key('default', ['read']);
    assert.deepEqual((await api.call('GET', '/v1/instances', { key })).json, { instances: [rest] });
  });

  test('the host tells its facts and the findings of its examination', async () => {
    const finding = { name: 'qemu', status: 'ok', detail: 'QEMU 7.2.0' } as const;
    api.parts.findings = async () => [finding];
    const { json } = await api.call('GET', '/v1/host');
    assert.equal(json.facts.accelerator, 'tcg');
    assert.deepEqual(json.findings, [finding]);
  });

  test('the OpenAPI document has every route with its errors, and needs no key', async () => {
    const { json } = await api.call('GET', '/v1/openapi.json', { key: null });
    assert.equal(json.openapi, '3.1.0');
    const routes = Object.entries<Record<string, unknown>>(json.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    assert.deepEqual(
      routes.sort(),
      [
        'delete /v1/apps/{app}',
        'delete /v1/apps/{app}/domains/{host}',
        'delete /v1/build-cache',
        'delete /v1/keys/{id}',
        'delete /v1/sandboxes/{id}',
        'delete /v1/templates/{name}',
        'get /healthz',
        'get /v1/apps',
        'get /v1/apps/{app}',
        'get /v1/apps/{app}/crons',
        'get /v1/apps/{app}/deployments',
        'get /v1/apps/{app}/domains',
        'get /v1/apps/{app}/environment',
        'get /v1/apps/{app}/environment/values',
        'get /v1/apps/{app}/logs',
        'get /v1/apps/{app}/releases',
        'get /v1/audit',
        'get /v1/build-cache',
        'get /v1/events',
        'get /v1/host',
        'get /v1/instances',
        'get /v1/keys',
        'get /v1/projects',
        'get /v1/projects/{name}/limits',
        'get /v1/sandboxes',
        'get /v1/sandboxes/{id}',
        'get /v1/sandboxes/{id}/events',
        'get /v1/sandboxes/{id}/files',
        'get /v1/sandboxes/{id}/logs',
        'get /v1/sandboxes/{id}/metrics',
        'get /v1/sandboxes/{id}/tree',
        'get /v1/templates',
        'get /v1/thaw.schema.json',
        'patch /v1/projects/{name}/limits',
        'post /v1/apps',
        'post /v1/apps/{app}/crons/{name}/run',
        'post /v1/apps/{app}/domains',
        'post /v1/apps/{app}/promote',
        'post /v1/apps/{app}/rollback',
        'put /v1/apps/{app}/environment',
        'post /v1/apps/{app}/deployments',
        'post /v1/apps/{app}/releases',
        'post /v1/keys',
        'post /v1/projects',
        'post /v1/sandboxes',
        'post /v1/sandboxes/{id}/exec',
        'post /v1/sandboxes/{id}/fork',
        'post /v1/sandboxes/{id}/pause',
        'post /v1/sandboxes/{id}/ports/{port}/token',
        'post /v1/sandboxes/{id}/resume',
        'post /v1/sandboxes/{id}/snapshot',
        'post /v1/sandboxes/{id}/timeout',
        'put /v1/sandboxes/{id}/egress',
        'put /v1/sandboxes/{id}/files',
        'put /v1/sandboxes/{id}/tree',
        'delete /v1/volumes/{volume}',
        'delete /v1/volumes/{volume}/attachment',
        'delete /v1/volumes/{volume}/snapshots/{snapshot}',
        'get /v1/volumes',
        'get /v1/volumes/{volume}',
        'get /v1/volumes/{volume}/image',
        'get /v1/volumes/{volume}/snapshots',
        'patch /v1/volumes/{volume}',
        'post /v1/volumes',
        'post /v1/volumes/{volume}/clones',
        'post /v1/volumes/{volume}/snapshots',
        'post /v1/volumes/{volume}/snapshots/{snapshot}/restore',
        'put /v1/volumes/{volume}/attachment',
        'put /v1/volumes/{volume}/image',
      ].sort(),
    );
    for (const [path, methods] of Object.entries<Record<string, Operation>>(json.paths)) {
      for (const [method, { responses, security }] of Object.entries(methods)) {
        if (path === '/healthz' || path === '/v1/thaw.schema.json') continue;
        assert.deepEqual(security, [{ key: [] }], `${method} ${path}`);
        for (const status of ['400', '401', '403', '500']) {
          const schema = responses[status]?.content?.['application/json']?.schema;
          assert.deepEqual(schema, { $ref: '#/components/schemas/Error' }, `${method} ${path} ${status}`);
        }
      }
    }
    assert.ok(json.components.securitySchemes.key);
    assert.ok(json.components.schemas.Error.properties.error.properties.code.enum.includes('build_failed'));
  });
});

interface Operation {
  security: unknown;
  responses: Record<string, { content?: Record<string, { schema: unknown }> }>;
}
