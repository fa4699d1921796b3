import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withValues } from '../../builders/app-environment.ts';

test("an app's own values win; what renews it after a thaw stays in front", () => {
  const env = { PORT: '8080', NODE_OPTIONS: '--import /opt/thaw/preload.mjs' };
  const values = { PORT: '1', NODE_OPTIONS: '--no-warnings', PYTHONPATH: 'src' };
  assert.deepEqual(withValues(env, values), {
    PORT: '1',
    NODE_OPTIONS: '--import /opt/thaw/preload.mjs --no-warnings',
    PYTHONPATH: 'src',
  });
  assert.deepEqual(withValues(env, {}), env);
  assert.deepEqual(withValues({ PYTHONPATH: '/a' }, { PYTHONPATH: '' }), { PYTHONPATH: '/a' });
});
