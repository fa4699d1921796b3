import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { serverName } from '../../platform/host/network/egress/client-hello.ts';
import { Given } from '../../platform/host/network/egress/given.ts';
import { requestHost } from '../../platform/host/network/egress/http-host.ts';
import { Policy } from '../../platform/host/network/egress/policy.ts';
import { addressNumber, isClosed } from '../../platform/host/network/egress/ranges.ts';

const number = (text: string) => addressNumber(text) ?? assert.fail(text);

test('rules allow names, all names below one, and addresses', () => {
  const policy = new Policy(['Example.com', '*.example.net', '198.51.100.0/24', '203.0.113.7:22', 'github']);
  for (const name of ['example.com', 'a.example.net', 'a.b.c.example.net', 'github.com', 'api.github.com']) {
    assert.ok(policy.allowsName(name), name);
  }
  for (const name of [
    'www.example.com',
    'example.net',
    'badexample.net',
    'example.com.evil.org',
    'com',
    '',
    '.example.net',
  ]) {
    assert.equal(policy.allowsName(name), name === '.example.net', name);
  }
  const reached: [string, number, boolean][] = [
    ['198.51.100.0', 1, true],
    ['198.51.100.255', 65_535, true],
    ['198.51.101.0', 1, false],
    ['203.0.113.7', 22, true],
    ['203.0.113.7', 23, false],
    ['203.0.113.6', 22, false],
  ];
  for (const [address, port, expected] of reached) {
    assert.equal(policy.allowsAddress(number(address), port), expected, `${address}:${port}`);
  }
});

test('no rules allow nothing, "open" every address', () => {
  assert.equal(new Policy([]).hasNames, false);
  assert.equal(new Policy([]).allowsName('example.com'), false);
  assert.equal(new Policy([]).allowsAddress(number('8.8.8.8'), 443), false);
  assert.ok(new Policy(['open']).allowsAddress(number('8.8.8.8'), 443));
  assert.ok(new Policy(['open']).allowsName('example.com'));
  assert.ok(new Policy(['registries']).allowsName('registry.npmjs.org'));
});

const WRONG: [string, RegExp][] = [
  ['', /is none of the forms/],
  ['localhost', /is none of the forms/],
  ['*', /is none of the forms/],
  ['*.com', /is none of the forms/],
  ['a.*.example.com', /is none of the forms/],
  ['https://example.com', /is none of the forms/],
  ['example.com:443', /is none of the forms/],
  ['exämple.com', /is none of the forms/],
  ['everything', /is none of the forms/],
  ['constructor', /is none of the forms/],
  ['2001:db8::/32', /is none of the forms/],
  ['1.2.3', /is no IPv4 address/],
  ['1.2.3.256', /is no IPv4 address/],
  ['01.2.3.4', /is no IPv4 address/],
  ['1.2.3.4/33', /is no IPv4 address/],
  ['198.51.100.7/24', /bits set past its \/24/],
  ['198.51.100.7:0', /has a port/],
  ['198.51.100.7:65536', /has a port/],
  ['10.0.0.1', /is closed in every mode/],
  ['169.254.169.254:80', /is closed in every mode/],
  ['127.0.0.0/8', /is closed in every mode/],
  ['192.168.1.0/24', /is closed in every mode/],
  ['239.0.0.0/8', /is closed in every mode/],
];
for (const [rule, says] of WRONG) {
  test(`the rule ${JSON.stringify(rule)} is refused`, () => {
    assert.throws(
      () => new Policy(['example.com', rule]),
      (error: Error & { code: string; hint: string }) => {
        assert.equal(error.code, 'invalid_input');
        assert.ok(error.message.includes(JSON.stringify(rule)), error.message);
        assert.match(error.message, says);
        assert.ok(error.hint.length > 0);
        return true;
      },
    );
  });
}

test('too many rules are refused', () => {
  const many = Array.from({ length: 257 }, (_, at) => `n${at}.example.com`);
  assert.throws(() => new Policy(many), { code: 'invalid_input' });
  new Policy(many.slice(1));
});

test('closed addresses are closed up to their ends, and so are those of this host', () => {
  for (const closed of [
    '10.0.0.0',
    '10.255.255.255',
    '172.31.255.255',
    '127.0.0.1',
    '255.255.255.255',
    '224.0.0.1',
    '0.0.0.0',
  ]) {
    assert.ok(isClosed(number(closed)), closed);
  }
  for (const open of ['9.255.255.255', '11.0.0.0', '172.32.0.0', '223.255.255.255', '1.1.1.1']) {
    assert.ok(!isClosed(number(open)), open);
  }
});

/** What a real client sends first. */
async function hello(servername: string): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, servername });
  client.on('error', () => {});
  const [socket] = await once(server, 'connection');
  const [bytes] = await once(socket, 'data');
  socket.destroy();
  client.destroy();
  server.close();
  return bytes;
}

test('the server name is found in a client hello, however it is cut', async () => {
  const bytes = await hello('www.example.com');
  for (let end = 1; end < bytes.length; end += 1) assert.equal(serverName(bytes.subarray(0, end)), undefined, `${end}`);
  assert.equal(serverName(bytes), 'www.example.com');
  assert.equal(serverName(Buffer.concat([bytes, Buffer.from('more')])), 'www.example.com');
  // The same handshake message in records of eight bytes.
  const body = bytes.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < body.length; at += 8) {
    const part = body.subarray(at, at + 8);
    records.push(Buffer.from([22, 3, 1, 0, part.length]), part);
  }
  assert.equal(serverName(Buffer.concat(records)), 'www.example.com');
  assert.equal(serverName(await hello('')), null);
});

test('a client hello with wrong lengths names nobody', async () => {
  const bytes = await hello('www.example.com');
  for (let at = 9; at < bytes.length; at += 1) {
    const broken = Buffer.from(bytes);
    broken[at] = 255;
    const name = serverName(broken);
    assert.ok(name === null || typeof name === 'string' || name === undefined);
  }
  assert.equal(serverName(Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])), null);
  assert.equal(serverName(Buffer.from([23, 3, 1, 0, 4])), null);
});

const REQUESTS: [string, string | null | undefined][] = [
  ['GET / HTTP/1.1\r\nHost: Example.com\r\n\r\n', 'example.com'],
  ['GET / HTTP/1.1\r\nA: b\r\nhost:example.com:8080\r\n\r\nbody', 'example.com'],
  ['GET / HTTP/1.1\nHost: example.com\n\n', 'example.com'],
  ['GET http://example.com/a HTTP/1.1\r\nHost: example.com\r\n\r\n', 'example.com'],
  ['CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n', 'example.com'],
  ['OPTIONS * HTTP/1.1\r\nHost: example.com.\r\n\r\n', 'example.com'],
  ['GET / HTTP/1.1\r\nHost: example.com\r\n', undefined],
  ['GE', undefined],
  ['GET / HTTP/1.1\r\n\r\n', null],
  ['GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n', null],
  ['GET / HTTP/1.1\r\nHost: a.example\r\nHost : b.example\r\n\r\n', null],
  ['GET / HTTP/1.1\r\nHost: a.example\r\n b.example\r\n\r\n', null],
  ['GET / HTTP/1.1\r\nX: y\rHost: b.example\r\nHost: a.example\r\n\r\n', null],
  ['GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n', null],
  ['GET http://a.example@b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n', null],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', null],
  ['SSH-2.0-x\r\n', null],
  ['\0\0', null],
  ['EHLO example.com\r\n\r\n', null],
];
for (const [text, expected] of REQUESTS) {
  test(`${JSON.stringify(text)} is for ${expected}`, () => assert.equal(requestHost(Buffer.from(text)), expected));
}

test('what was given is remembered for its time, and only so much of it', () => {
  let now = 0;
  const given = new Given(() => now);
  given.remember('example.com', [1, 2], 60);
  assert.ok(given.has('example.com', 2));
  assert.ok(!given.has('example.org', 2));
  assert.ok(!given.has('example.com', 3));
  now = 60_000 + 11 * 60_000;
  assert.ok(!given.has('example.com', 2));
  for (let at = 0; at < 5_000; at += 1) given.remember(`n${at}.example.com`, [at], 60);
  assert.ok(given.size <= 1_024);
  assert.ok(given.has('n4999.example.com', 4_999));
});
