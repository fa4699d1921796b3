import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildEnvironment } from '../../builders/build-environment.ts';
import { LIBRARY } from '../../runtime-images/go/library.ts';

test('builds run Go with what its library was compiled with, so that it is not compiled again', () => {
  const env = buildEnvironment({ go: {}, caBundle: '', egressProxy: '', pipIndex: '' } as Parameters<
    typeof buildEnvironment
  >[0]);
  const { GOFLAGS, ...rest } = LIBRARY.environment;
  for (const [name, value] of Object.entries(rest)) assert.equal(env[name], value, name);
  // These two decide nothing of what is compiled.
  const flags = env.GOFLAGS?.split(' ').filter((flag) => !['-buildvcs=false', '-modcacherw'].includes(flag));
  assert.deepEqual(flags, GOFLAGS.split(' '));
});
