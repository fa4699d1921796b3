import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildEnvironment } from '../../builders/build-environment.ts';
import type { BuildSettings } from '../../builders/contract.ts';
import { LIBRARY } from '../../runtime-images/go/library.ts';

const PROXY = 'http://172.16.0.1:3128';
const settings: BuildSettings = {
  ...({} as BuildSettings),
  caBundle: 'a certificate',
  egressProxy: PROXY,
  pipIndex: 'https://pip.corp.test/simple',
  go: { GOPROXY: 'https://go.corp.test', GOSUMDB: 'sum.corp.test', GONOSUMDB: 'corp.test/*' },
};

test('every package manager is told its registry, the way there and whom to trust', () => {
  const env = buildEnvironment(settings);
  assert.equal(env.PIP_INDEX_URL, settings.pipIndex);
  assert.equal(env.UV_DEFAULT_INDEX, settings.pipIndex);
  assert.deepEqual([env.GOPROXY, env.GOSUMDB, env.GONOSUMDB], Object.values(settings.go));
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'npm_config_https_proxy', 'PIP_PROXY']) {
    assert.equal(env[name], PROXY, name);
  }
  for (const name of ['SSL_CERT_FILE', 'GIT_SSL_CAINFO', 'PIP_CERT']) assert.equal(env[name], '/opt/thaw/ca.pem', name);
});

test('without certificates of the host, tools keep their own', () => {
  const env = buildEnvironment({ ...settings, caBundle: '' });
  const named = Object.entries(env).filter(([, value]) => value.endsWith('.pem'));
  assert.deepEqual(named, []);
});

test('Go takes no other toolchain, and finds the library as the image has it compiled', () => {
  const env = buildEnvironment({ ...settings, go: { ...settings.go, GOTOOLCHAIN: 'auto' } as BuildSettings['go'] });
  const { GOFLAGS, ...same } = LIBRARY.environment;
  for (const [name, value] of Object.entries(same)) assert.equal(env[name], value, name);
  assert.ok(env.GOFLAGS?.split(' ').includes(GOFLAGS));
  assert.equal(env.GOTOOLCHAIN, 'local');
});

test("nothing of the server's own environment is passed on", () => {
  process.env.THAW_TEST_SECRET = 'secret';
  try {
    assert.ok(!JSON.stringify(buildEnvironment(settings)).includes('secret'));
  } finally {
    delete process.env.THAW_TEST_SECRET;
  }
});
