import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppIds } from '../../platform/app-ids.ts';
import type { Control } from '../../platform/control/contract.ts';
import { ThawError } from '../../platform/errors.ts';

test('the id of an app is asked for once, until something changes; of one that is gone there is none', async () => {
  const ids = new Map([['shop', 'a1']]);
  const asked: string[] = [];
  let broken = false;
  const get = async (name: string) => {
    asked.push(name);
    if (broken) throw new ThawError('unavailable', 'The database is away.');
    const id = ids.get(name);
    if (id === undefined) throw new ThawError('not_found', 'There is no such app.');
    return { id };
  };
  const known = new AppIds({ apps: { get } } as unknown as Control);
  assert.deepEqual([await known.of('shop'), await known.of('shop'), await known.of('gone')], ['a1', 'a1', undefined]);
  assert.deepEqual(asked, ['shop', 'gone']);
  ids.set('shop', 'a2');
  known.clear();
  broken = true;
  await assert.rejects(known.of('shop'), { code: 'unavailable' });
  broken = false;
  assert.equal(await known.of('shop'), 'a2', 'a failure is not remembered');
});
