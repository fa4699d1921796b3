import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import {
  branchLabel,
  deploymentLabel,
  requireAppName,
  requireBranch,
  requireProjectName,
} from '../../platform/control/names.ts';
import { ThawError } from '../../platform/errors.ts';

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Names that have broken things elsewhere: paths, encodings, look-alikes, controls, SQL, HTML, lengths. */
const HOSTILE = [
  ...['', ' ', '.', '..', '../etc', '..%2f', '%2e', '%2e%2e', '%00', 'a/b', 'a\\b', '/a', 'a/', 'a.b', 'a.', '.a', '~'],
  ...[
    'A',
    'App',
    'aPP',
    'a b',
    ' a',
    'a ',
    'a\n',
    '\na',
    'a\0',
    'a\u007f',
    'a_b',
    'a+b',
    'a:80',
    'a@b',
    'a#b',
    'a?b',
    '*',
  ],
  ...['-', '--', '-a', 'a-', '--a', 'ä', 'аpp', 'ａ', 'i̇', 'K', 'app\u200b', '\u202eapp', '🙂', '\ud800', '\udfff-a'],
  ...["a';--", '<b>', '$(id)', '`id`', '{{a}}', 'a\r\nhost: b', 'x'.repeat(41), 'x'.repeat(64), 'x'.repeat(100_000)],
];

/** Always the same, so that a failure can be seen again. */
function* randomTexts(count: number): Generator<string> {
  const alphabet = [
    'a',
    'b',
    'z',
    '0',
    '9',
    '-',
    '-',
    '/',
    '.',
    '_',
    'A',
    'ü',
    '🙂',
    '%',
    '@',
    'lock',
    'd0123456789a',
    'main',
  ];
  let state = 42;
  const next = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let made = 0; made < count; made += 1) {
    yield Array.from({ length: 1 + next(30) }, () => alphabet[next(alphabet.length)]).join('');
  }
}

const passes = (check: (name: string) => void, name: string): boolean => {
  try {
    check(name);
    return true;
  } catch (error) {
    assert.ok(error instanceof ThawError, `a foreign error for ${JSON.stringify(name)}`);
    assert.equal(error.code, 'invalid_input');
    assert.ok(error.hint, 'the error says the rule');
    assert.ok(error.message.length < 400, 'the error does not repeat an endless name');
    assert.ok(!/[\p{Cc}\p{Cf}]/u.test(error.message), 'the error is one printable line');
    return false;
  }
};

describe('names of apps and projects', () => {
  test('hostile names are refused with the rule', () => {
    for (const name of HOSTILE) {
      assert.equal(passes(requireAppName, name), false, JSON.stringify(name.slice(0, 50)));
      assert.equal(passes(requireProjectName, name), false, JSON.stringify(name.slice(0, 50)));
    }
  });

  test('plain names pass', () => {
    for (const name of ['a', '7', 'hello', 'hello-world', 'x'.repeat(40), 'a-1', '123', 'api', 'git', 'v2-beta']) {
      requireAppName(name);
      requireProjectName(name);
    }
  });

  test('an app cannot look like a preview or like the port of a sandbox', () => {
    for (const name of ['a--b', 'xn--bcher-kva', '3000-abc', '1-a']) assert.equal(passes(requireAppName, name), false);
  });

  test('whatever passes is a DNS label without what parts labels', () => {
    let passed = 0;
    for (const name of randomTexts(20_000)) {
      if (!passes(requireAppName, name)) continue;
      passed += 1;
      assert.match(name, DNS_LABEL);
      assert.ok(name.length <= 40 && !name.includes('--') && !/^\d+-/.test(name));
    }
    assert.ok(passed > 100);
  });
});

describe('names of branches', () => {
  test('what git allows passes, what git refuses is refused', () => {
    const fine = [
      'main',
      'feature/x',
      'Feature_X',
      'ünïcode',
      '🙂',
      'a.b',
      'v1.2.3',
      'a@b',
      'dependabot/npm/x-1.0',
      '%2e',
      'd0123456789a',
    ];
    const wrong = [
      '',
      '@',
      'HEAD',
      '-a',
      '/a',
      'a/',
      'a//b',
      '.a',
      'a/.b',
      'a.',
      'a..b',
      'a.lock',
      'a.lock/b',
      'a b',
      'a~',
      'a^',
      'a:b',
    ];
    wrong.push('a?', 'a*', 'a[b', 'a\\b', 'a@{b', 'a\tb', 'a\n', 'a\0', 'a\x7f', 'x'.repeat(201), '\ud800');
    for (const branch of fine) assert.equal(passes(requireBranch, branch), true, branch);
    for (const branch of wrong) assert.equal(passes(requireBranch, branch), false, JSON.stringify(branch));
  });

  test('git itself agrees', () => {
    const texts = [...randomTexts(150), ...HOSTILE].filter(
      (text) => text.length <= 200 && !text.includes('\0') && text.isWellFormed(),
    );
    for (const branch of texts) {
      // Not read as an option or as `@{-1}`: the full name.
      const git = spawnSync('git', ['check-ref-format', `refs/heads/${branch}`]).status === 0;
      const ours = passes(requireBranch, branch);
      const stricter = /^-|^@$|^HEAD$|[\p{Cc}\u2028\u2029]/u.test(branch);
      assert.equal(ours, git && !stricter, JSON.stringify(branch));
    }
  });
});

describe('labels', () => {
  const apps = ['a', 'hello', 'x'.repeat(40)];

  test('production is the app itself, a short plain branch is itself', () => {
    assert.equal(branchLabel('main', 'shop'), 'shop');
    assert.equal(branchLabel('feature-x', 'shop'), 'feature-x--shop');
    assert.equal(deploymentLabel('d0123456789a', 'shop'), 'd0123456789a--shop');
  });

  test('each is a DNS label, and different branches never share one', () => {
    for (const app of apps) {
      const owners = new Map<string, string>();
      const near = [
        'feature/x',
        'feature-x',
        'Feature-x',
        'feature_x',
        'feature--x',
        'feature-x-',
        'main',
        'Main',
        'MAIN',
        'm/ain',
      ];
      const long = Array.from({ length: 30 }, (_, i) => `${'long'.repeat(5 + i)}-${i}`);
      const own = branchLabel('feature/x', app).slice(0, -app.length - 2);
      for (const branch of new Set([...randomTexts(20_000), ...near, ...long, own, 'd0123456789a', '🙂', '🙃'])) {
        const label = branchLabel(branch, app);
        assert.match(label, DNS_LABEL, branch);
        const owner = owners.get(label);
        assert.equal(owner, undefined, `${branch} and ${owner} share ${label}`);
        owners.set(label, branch);
        assert.doesNotMatch(label, /^d[a-z0-9]{11}--/, 'a branch cannot take the host name of a deployment');
        if (branch !== 'main') assert.equal(label.split('--').length, 2, label);
      }
    }
  });

  test('the label of a deployment fits the longest app', () => {
    assert.match(deploymentLabel('d0123456789a', 'x'.repeat(40)), DNS_LABEL);
  });
});
