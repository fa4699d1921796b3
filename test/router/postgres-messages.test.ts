import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Standing } from '../../router/postgres/standing.ts';

const message = (type: string, body = '') => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(4 + Buffer.byteLength(body, 'latin1'), 1);
  return Buffer.concat([head, Buffer.from(body, 'latin1')]);
};
const READY = message('Z', 'I');
/** One that has begun. */
const begun = () => {
  const standing = new Standing();
  assert.equal(standing.rests, false);
  standing.answered(Buffer.concat([message('R', '\0\0\0\0'), message('K', '\0\0\0\x07\0\0\0\x09'), READY]));
  assert.equal(standing.rests, true);
  return standing;
};

test('messages are found however they are cut', () => {
  const said = Buffer.concat([
    message('T', 'x'.repeat(300)),
    message('D', 'y'.repeat(70)),
    message('C', 'SELECT 1\0'),
    READY,
  ]);
  for (const size of [1, 2, 3, 5, 7, 64, 1000]) {
    const standing = begun();
    standing.sent(message('Q', 'select 1\0'));
    for (let at = 0; at < said.length; at += size) {
      assert.equal(standing.rests, false);
      standing.answered(said.subarray(at, at + size));
    }
    assert.equal(standing.rests, true);
  }
});

test('each query of a pipeline is waited for, and an open transaction', () => {
  const standing = begun();
  standing.sent(Buffer.concat([message('P', 'a'), message('S'), message('B', 'b'), message('S')]));
  standing.answered(READY);
  assert.equal(standing.rests, false);
  standing.answered(message('Z', 'T'));
  assert.equal(standing.rests, false);
  standing.sent(message('Q', 'commit\0'));
  standing.answered(READY);
  assert.equal(standing.rests, true);
});

test('a Sync that a copy has swallowed is not waited for', () => {
  const standing = begun();
  standing.sent(Buffer.concat([message('P', 'copy'), message('E', ''), message('S')]));
  standing.answered(message('G', '\0\0\0'));
  standing.sent(Buffer.concat([message('d', '1\n'), message('S'), message('c'), message('S')]));
  assert.equal(standing.rests, false);
  standing.answered(Buffer.concat([message('C', 'COPY 1\0'), READY]));
  assert.equal(standing.rests, true);
});

test('half a message is under way, and what is no protocol is known', () => {
  const standing = begun();
  standing.sent(message('Q', 'select 1\0').subarray(0, 7));
  assert.equal(standing.rests, false);
  assert.equal(begun().sent(Buffer.from([81, 0, 0, 0, 1])), false);
});

test('the client is given another secret than the server knows, and the same process', () => {
  const key = message('K', '\0\0\0\x07\0\0\0\x09');
  const [first, second] = [1, 2].map(() => {
    const standing = new Standing();
    const said = Buffer.concat([message('R', '\0\0\0\0'), key, READY]);
    standing.answered(said);
    assert.deepEqual(standing.key?.own, key.subarray(5));
    assert.deepEqual(said.subarray(14, 22), standing.key?.shown, 'what goes on to the client');
    assert.deepEqual([...(standing.key?.shown.subarray(0, 4) ?? [])], [0, 0, 0, 7]);
    return standing.key?.shown.subarray(4);
  });
  assert.notDeepEqual(first, second);
  assert.notDeepEqual(first, Buffer.from([0, 0, 0, 9]));
});

test('a key that comes in two pieces is left as it is', () => {
  const standing = new Standing();
  const said = Buffer.concat([message('R', '\0\0\0\0'), message('K', '\0\0\0\x07\0\0\0\x09'), READY]);
  standing.answered(said.subarray(0, 17));
  standing.answered(said.subarray(17));
  assert.deepEqual(standing.key?.shown, standing.key?.own);
  assert.equal(standing.rests, true);
});
