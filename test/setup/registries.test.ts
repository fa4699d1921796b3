import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ThawError } from '../../platform/errors.ts';
import { type Ask, readRegistries } from '../../platform/registries.ts';

const NOTHING = { pipIndex: undefined, goProxy: undefined };

/** A machine whose tools say this. */
function machine(said: { npm?: string; pip?: string; go?: Record<string, string> }): Ask {
  const { npm = 'https://npm.example.org/', pip, go } = said;
  const answers: Record<string, string | undefined> = { npm, pip3: pip, go: go && JSON.stringify(go) };
  return async (program) => answers[program];
}

test('a machine with npm alone builds from the public registries', async () => {
  const { pip, go, hosts } = await readRegistries(NOTHING, machine({}));
  assert.equal(pip.href, 'https://pypi.org/simple');
  assert.equal(go.GOPROXY, 'https://proxy.golang.org');
  assert.deepEqual(hosts, [
    'npm.example.org',
    'pypi.org',
    'proxy.golang.org',
    'sum.golang.org',
    'files.pythonhosted.org',
  ]);
});

test("the machine's own mirrors are used, without the credentials that it has for them", async () => {
  const { npm, pip, go, hosts } = await readRegistries(
    NOTHING,
    machine({
      npm: 'https://u:secret@npm.corp.test/api/',
      pip: "global.index-url='https://wrong.test/simple'\n:env:.index-url='https://u:secret@pip.corp.test/simple'",
      go: {
        GOPROXY: 'https://u:secret@go.corp.test/mod/|https://two.corp.test,direct',
        GOSUMDB: 'sum.corp.test+1a2b+key https://sums.corp.test',
        GONOSUMDB: 'corp.test/*',
      },
    }),
  );
  assert.equal(npm.href, 'https://npm.corp.test/api/');
  assert.equal(pip.href, 'https://pip.corp.test/simple');
  assert.deepEqual(go, {
    GOPROXY: 'https://go.corp.test/mod,https://two.corp.test',
    GOSUMDB: 'sum.corp.test+1a2b+key https://sums.corp.test',
    GONOSUMDB: 'corp.test/*',
  });
  assert.deepEqual(hosts, ['npm.corp.test', 'pip.corp.test', 'go.corp.test', 'two.corp.test', 'sums.corp.test']);
});

test("what the operator sets comes before the machine's tools, credentials included", async () => {
  const chosen = { pipIndex: 'https://u:p@pip.corp.test/simple', goProxy: 'https://u:p@go.corp.test' };
  const { pip, go, hosts } = await readRegistries(chosen, machine({ go: { GOPROXY: 'off', GOSUMDB: 'off' } }));
  assert.equal(pip.href, 'https://u:p@pip.corp.test/simple');
  assert.equal(go.GOPROXY, 'https://u:p@go.corp.test');
  assert.deepEqual(hosts, ['npm.example.org', 'pip.corp.test', 'go.corp.test']);
});

test('a machine that fetches no modules builds without them; one that asks no proxy gets the public one', async () => {
  const proxy = async (GOPROXY: string) => (await readRegistries(NOTHING, machine({ go: { GOPROXY } }))).go.GOPROXY;
  assert.equal(await proxy('off'), 'off');
  assert.equal(await proxy('direct'), 'https://proxy.golang.org');
});

test('an address that is none is refused without being shown', async () => {
  await assert.rejects(readRegistries({ ...NOTHING, pipIndex: 'u:secret pip' }, machine({})), (error) => {
    assert.ok(error instanceof ThawError);
    assert.match(error.message, /THAW_BUILD_PIP_INDEX/);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
});
