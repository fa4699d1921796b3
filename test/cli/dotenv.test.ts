import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dotenvLine, readDotenv } from '../../platform/cli/dotenv.ts';

test('what is written is read again as it was, whatever follows it', () => {
  const values = [
    'plain',
    '',
    'a b',
    'postgres://user:p%40ss@host:5432/db?x=1&y=2',
    'line\nline',
    '"double"',
    "it's",
    '`tick`',
    'both \' and "',
    'a # comment',
    '$HOME',
    'back\\slash \\n no line',
    ' around ',
    '\ttab',
    'ünï 🙂',
    'a=b=c',
    '-----BEGIN KEY-----\nabc==\n-----END KEY-----\n',
    '#',
    "'",
    '"',
  ];
  const lines = values.map((value, at) => dotenvLine(`V${at}`, value));
  assert.ok(lines.every((line) => line !== undefined));
  const read = readDotenv(lines.join('\n'));
  assert.deepEqual(
    values.map((_, at) => read[`V${at}`]),
    values,
  );
});

test('what no dotenv file can hold is not written', () => {
  for (const value of ['\' " `', 'a\r\nb', '\' " ` \n']) assert.equal(dotenvLine('V', value), undefined);
});

test('plain values have no quotes', () => {
  assert.equal(dotenvLine('A', 'https://example.com/a'), 'A=https://example.com/a');
  assert.equal(dotenvLine('A', ''), "A=''");
  assert.equal(dotenvLine('A', 'a b'), "A='a b'");
});
