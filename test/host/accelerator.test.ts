import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { chooseAccelerator, type ProbeParts } from '../../platform/host/vmm/accelerator.ts';
import { silentLog } from '../../platform/log.ts';
import { temporaryDirectory } from '../fixtures/control.ts';

const hasKvm = existsSync('/dev/kvm') ? {} : { skip: 'this machine has no KVM device at all' };

/** A choice in an empty cache, whose trial fails or works, and counts. */
async function choices() {
  const directory = await temporaryDirectory();
  let trials = 0;
  const choose = (change: Partial<ProbeParts> = {}, works = false) =>
    chooseAccelerator({
      wanted: 'auto',
      cache: directory.path,
      vmm: '7.2.22',
      log: silentLog(),
      async tryKvm() {
        trials += 1;
        if (!works) throw new Error('the guest hung.');
      },
      ...change,
    });
  return {
    choose,
    cache: directory.path,
    trials: () => trials,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

it('emulates when a guest does not run under a device that opens, and says why', hasKvm, async () => {
  await using one = await choices();
  const verdict = await one.choose();
  assert.equal(verdict.accelerator, 'tcg');
  assert.match(verdict.reason, /\/dev\/kvm opens.*the guest hung\./);
});

it('remembers its verdict, and tries again for another VMM', hasKvm, async () => {
  await using one = await choices();
  const first = await one.choose();
  assert.deepEqual(await one.choose({}, true), first);
  assert.equal(one.trials(), 1);
  assert.equal((await one.choose({ vmm: '8.2.0' }, true)).accelerator, 'kvm');
  assert.equal(one.trials(), 2);
  assert.equal((await one.choose({ vmm: '8.2.0' })).accelerator, 'kvm');
  assert.equal(one.trials(), 2);
});

it('tries again when what it remembered cannot be read', hasKvm, async () => {
  for (const text of ['', '{"accelerator":"tc', '{"accelerator":"vax","reason":""}']) {
    await using one = await choices();
    await one.choose();
    const [file = ''] = await readdir(one.cache);
    await writeFile(join(one.cache, file), text);
    assert.equal((await one.choose({}, true)).accelerator, 'kvm');
    assert.equal(one.trials(), 2);
  }
});

it('obeys an operator who wants emulation, and refuses one who wants what does not work', async () => {
  await using one = await choices();
  assert.equal((await one.choose({ wanted: 'tcg' }, true)).accelerator, 'tcg');
  assert.equal(one.trials(), 0);
  await assert.rejects(one.choose({ wanted: 'kvm' }), { code: 'misconfigured' });
});
