import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Turns } from '../../platform/turns.ts';

it('lets in so many at once, in the order in which they came', async () => {
  const turns = new Turns(2);
  const entered: number[] = [];
  const enter = async (name: number) => {
    const turn = await turns.enter();
    entered.push(name);
    return turn;
  };
  const [first, second] = [await enter(1), await enter(2)];
  const third = enter(3);
  const fourth = enter(4);
  await Promise.resolve();
  assert.deepEqual(entered, [1, 2]);
  second[Symbol.dispose]();
  second[Symbol.dispose]();
  const fromThird = await third;
  assert.deepEqual(entered, [1, 2, 3], 'giving a turn back twice counts once');
  first[Symbol.dispose]();
  await fourth;
  assert.deepEqual(entered, [1, 2, 3, 4]);
  fromThird[Symbol.dispose]();
  using _last = await turns.enter();
});

it('passes on the turn of one who gave up waiting', async () => {
  const turns = new Turns(1);
  const holder = await turns.enter();
  const stop = new AbortController();
  const impatient = turns.enter(stop.signal);
  const patient = turns.enter();
  stop.abort();
  await assert.rejects(impatient, { code: 'cancelled' });
  holder[Symbol.dispose]();
  using _turn = await patient;
  await assert.rejects(turns.enter(AbortSignal.abort()), { code: 'cancelled' });
});

it('who has to wait is told how many are before it, and it is idle when the last has left', async () => {
  const turns = new Turns(1);
  const waits: number[] = [];
  const first = await turns.enter(undefined, (ahead) => waits.push(ahead));
  const gone = new AbortController();
  const second = turns.enter(gone.signal, (ahead) => waits.push(ahead));
  const third = turns.enter(undefined, (ahead) => waits.push(ahead));
  gone.abort();
  await assert.rejects(second, { code: 'cancelled' });
  assert.deepEqual(waits, [1, 2]);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.ok(!turns.idle);
  (await third)[Symbol.dispose]();
  assert.ok(turns.idle);
});
