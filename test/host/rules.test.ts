import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Vm } from '../../platform/host/contract.ts';
import { GATEWAY, gatewayServiceAddress, linkName } from '../../platform/host/network/addresses.ts';
import { run } from '../../platform/host/run.ts';
import { ask, shell } from '../fixtures/host.ts';
import { listened, lookedUp, overHttp, overTls, proxied, RESET } from '../fixtures/reaching.ts';
import { openRuled, type Ruled, rules } from '../fixtures/ruled.ts';
import { CLOSED, HOST_END, PUBLIC } from '../fixtures/world.ts';

const [ONE, TWO, THREE] = PUBLIC;

describe('a guest with egress rules', () => {
  let ruled: Ruled;
  let vm: Vm;
  before(async () => {
    ruled = await openRuled();
    vm = await ruled.at.thaw({ egress: rules() });
  });
  after(() => ruled?.[Symbol.asyncDispose]());
  beforeEach(() => ruled.forget());

  const allow = (...some: string[]) => ruled.at.host.setEgress(vm.id, rules(...some));
  const told: Ruled['told'] = (wanted) => ruled.told(wanted);

  it('reaches a name that is allowed, over TLS and HTTP', async () => {
    await allow('allowed.example.com');
    assert.equal(await overTls(vm, 'allowed.example.com'), 'hello allowed.example.com');
    assert.equal(await overHttp(vm, 'allowed.example.com'), 'hello allowed.example.com');
    assert.deepEqual(
      ruled.world.knocks.map(({ protocol, address }) => `${protocol} ${address}`),
      [`tls ${ONE}`, `http ${ONE}`],
    );
    assert.deepEqual(ruled.events, []);
  });

  it('reaches all names below a wildcard, and not the name itself', async () => {
    await allow('*.example.net');
    assert.equal(await overTls(vm, 'deep.below.example.net'), 'hello deep.below.example.net');
    assert.equal(await overTls(vm, 'example.net'), 'ENOTFOUND');
    const { vm: id } = await told({ destination: 'example.net', port: 53, protocol: 'dns', reason: 'not_allowed' });
    assert.equal(id, vm.id);
  });

  it('reaches addresses of an allowed range whatever is spoken there, on the port that the rule names', async () => {
    await allow(`${TWO}:22`, '198.51.100.68/31');
    assert.equal((await listened(vm, TWO, 22)).heard, 'SSH-2.0-world\r\n');
    assert.equal((await listened(vm, THREE, 22)).heard, 'SSH-2.0-world\r\n');
    const { heard, ms } = await listened(vm, TWO, 7);
    assert.equal(heard, 'ECONNRESET');
    assert.ok(ms < 1_000, `${ms} ms`);
    await told({ destination: TWO, port: 7, protocol: 'tcp', reason: 'not_allowed' });
    assert.equal(ruled.world.knocks.length, 2);
  });

  it('reaches every public address with "open", and nothing without rules', async () => {
    await allow('open');
    assert.equal((await listened(vm, THREE, 22)).heard, 'SSH-2.0-world\r\n');
    assert.equal(await overTls(vm, 'other.example.org'), 'hello other.example.org');
    await allow();
    assert.equal((await listened(vm, THREE, 22)).heard, 'ECONNRESET');
    assert.equal(await overTls(vm, 'other.example.org'), 'ENOTFOUND');
    assert.equal(ruled.world.knocks.length, 2);
  });

  it('is told nothing of a name that is not allowed, and nobody is asked for it', async () => {
    await allow('allowed.example.com');
    assert.equal(await lookedUp(vm, 'other.example.org'), 'ENOTFOUND');
    const secret = `${'x'.repeat(60)}.${'y'.repeat(60)}.tunnel.example.org`;
    assert.equal(await lookedUp(vm, secret, 'TXT'), 'ENOTFOUND');
    await told({ destination: secret, protocol: 'dns', reason: 'not_allowed' });
    assert.deepEqual(ruled.world.asked, []);
    assert.equal(await lookedUp(vm, 'allowed.example.com', 'AAAA'), 'ENODATA');
  });

  it('has its names looked up over TCP, too', async () => {
    await allow('allowed.example.com');
    const question = (name: string) => {
      const labels = name.split('.').map((label) => String.fromCharCode(label.length) + label);
      return Buffer.concat([
        Buffer.from('000701000001000000000000', 'hex'),
        Buffer.from(`${labels.join('')}\0\0\x01\0\x01`),
      ]);
    };
    const asked = (name: string) =>
      ask<string>(
        vm,
        `const message = Buffer.from('${question(name).toString('hex')}', 'hex');
         const socket = require('node:net').connect(53, '${GATEWAY}', () =>
           socket.end(Buffer.concat([Buffer.from([0, message.length]), message])));
         const chunks = [];
         for await (const chunk of socket) chunks.push(chunk);
         return Buffer.concat(chunks).toString('hex');`,
      );
    const allowed = Buffer.from(await asked('allowed.example.com'), 'hex');
    assert.equal(allowed.readUInt16BE(0), allowed.length - 2);
    assert.deepEqual([...allowed.subarray(-4)].join('.'), ONE);
    const refused = Buffer.from(await asked('other.example.org'), 'hex');
    assert.deepEqual([refused.readUInt16BE(2), (refused[5] ?? 0) & 15], [7, 3], 'id, and no such name');
  });

  it('does not get around it with a raw address, a false server name or a false host', async () => {
    await allow('allowed.example.com');
    assert.match(await overTls(vm, TWO, 'other.example.org'), RESET);
    await told({ destination: 'other.example.org', port: 443, reason: 'not_allowed' });
    assert.match(await overTls(vm, TWO, 'allowed.example.com'), RESET);
    await told({ destination: 'allowed.example.com', port: 443, reason: 'other_address' });
    assert.equal(await overHttp(vm, TWO, 'allowed.example.com'), 'ECONNRESET');
    await told({ destination: 'allowed.example.com', port: 80, reason: 'other_address' });
    assert.equal(await overHttp(vm, ONE, 'other.example.org'), 'ECONNRESET');
    await told({ destination: 'other.example.org', port: 80, reason: 'not_allowed' });
    assert.equal(await overHttp(vm, ONE, 'allowed.example.com', 'http://other.example.org/'), 'ECONNRESET');
    assert.match(await overTls(vm, ONE, ''), RESET);
    await told({ destination: ONE, port: 443, reason: 'no_name' });
    assert.deepEqual(ruled.world.knocks, []);
  });

  it('cannot use the address of one allowed name for another', async () => {
    await allow('allowed.example.com', 'allowed-too.example.com');
    assert.equal(await overTls(vm, 'allowed-too.example.com'), 'hello allowed-too.example.com');
    assert.match(await overTls(vm, TWO, 'allowed.example.com'), RESET);
    assert.equal(ruled.world.knocks.length, 1);
  });

  it('waits ten seconds at most where the server would speak first', async () => {
    await allow('allowed.example.com');
    const { heard, ms } = await listened(vm, 'allowed.example.com', 22);
    assert.equal(heard, 'ECONNRESET');
    assert.ok(ms > 9_000 && ms < 14_000, `${ms} ms`);
    await told({ destination: ONE, port: 22, reason: 'no_name' });
    assert.deepEqual(ruled.world.knocks, []);
  });

  it('never reaches a closed address or this host, whatever a rule or an answer names', async () => {
    const { names, knocks } = ruled.world;
    names.set('rebinding.example.com', [...CLOSED, HOST_END]).set('half.example.com', ['10.66.6.6', ONE]);
    await allow('open', '*.example.com', '0.0.0.0/0', '8.0.0.0/5');
    for (const address of [...CLOSED, HOST_END, GATEWAY]) {
      assert.equal((await listened(vm, address, 22)).heard, 'ECONNRESET', address);
      await told({ destination: address, port: 22, reason: 'closed_range' });
    }
    for (const address of [...CLOSED, HOST_END, GATEWAY, '127.0.0.1']) {
      assert.match(await proxied(vm, `${address}:22`), /^HTTP\/1\.1 403 /, address);
    }
    assert.equal(await lookedUp(vm, 'rebinding.example.com'), 'ENODATA');
    await told({ destination: 'rebinding.example.com', protocol: 'dns', reason: 'closed_range' });
    assert.match(await proxied(vm, 'rebinding.example.com:443'), /^HTTP\/1\.1 502 /);
    assert.deepEqual(await lookedUp(vm, 'half.example.com'), [ONE]);
    assert.match(await overTls(vm, '10.66.6.6', 'half.example.com'), RESET);
    assert.deepEqual(knocks, []);
  });

  it('would be stopped by the rules of this host, if the gateway were to connect there', async () => {
    const localAddress = gatewayServiceAddress(ruled.at.config.serverId);
    const outcome = (host: string, options = {}) => {
      const socket = connect({ host, port: 22, ...options });
      return once(socket, 'connect')
        .then(
          () => 'connected',
          (error: NodeJS.ErrnoException) => error.code,
        )
        .finally(() => socket.destroy());
    };
    for (const address of CLOSED) {
      assert.equal(await outcome(address), 'connected', `${address} is there`);
      assert.equal(await outcome(address, { localAddress }), 'EHOSTUNREACH', address);
    }
    assert.equal(await outcome(HOST_END, { localAddress }), 'EHOSTUNREACH');
    assert.equal(await outcome(ONE, { localAddress }), 'connected');
  });

  it('has no UDP, no ICMP and no IPv6', async () => {
    await allow('open');
    const datagram = `const socket = require('node:dgram').createSocket('udp4');
      return new Promise((resolve) => {
        socket.on('error', (error) => { socket.close(); resolve(error.code); });
        socket.connect(9, '${TWO}', () => socket.send('hello'));
        setTimeout(resolve, 1500, 'silence');
      });`;
    assert.equal(await ask(vm, datagram), 'EHOSTUNREACH');
    await told({ destination: TWO, port: 9, protocol: 'udp', reason: 'not_allowed' });
    const echo = `use Socket; socket(S, PF_INET, SOCK_RAW, 1) or die $!;
      send(S, pack("C2 n3", 8, 0, 0xf7ff, 0, 0), 0, sockaddr_in(0, inet_aton("${TWO}"))) or die $!; print "sent"`;
    assert.equal(await shell(ruled.at.host, vm.id, `perl -e '${echo}'`), 'sent');
    await told({ destination: TWO, port: 0, protocol: 'icmp', reason: 'not_allowed' });
    assert.equal(await echoesReceived(ruled.world.netns), '0');

    const before = await ipv6Received(vm);
    assert.ok(before !== undefined);
    const addresses = `${'20010db8'.padEnd(31, '0')}2${'20010db8'.padEnd(31, '0')}1`;
    const packet = `6000000000083a40${addresses}8000000000000000`;
    const to = `pack("S n i S C C a8", 17, 0x86dd, $i, 0, 0, 6, pack("H*", "027468617701"))`;
    const frame = `socket(S, 17, 3, 0x86dd) or die $!; open(I, "/sys/class/net/eth0/ifindex"); $i = <I>; chomp $i;
      send(S, pack("H*", "02746861770102746861770286dd${packet}"), 0, ${to}) or die $!; print "sent"`;
    assert.equal(await shell(ruled.at.host, vm.id, `perl -e '${frame}'`), 'sent');
    assert.equal(await ipv6Received(vm), before);
    assert.ok(!ruled.world.knocks.some(({ protocol }) => protocol === 'udp'));
  });

  it('reaches what it may through the proxy, too', async () => {
    await allow('allowed.example.com', `${TWO}:7`);
    assert.match(await proxied(vm, 'allowed.example.com:443'), /^HTTP\/1\.1 200 /);
    assert.match(await proxied(vm, `${TWO}:7`), /^HTTP\/1\.1 200 /);
    assert.match(await proxied(vm, 'other.example.org:443'), /^HTTP\/1\.1 403 /);
    await told({ destination: 'other.example.org', port: 443, reason: 'not_allowed' });
  });
});

/** `InEchos` of the namespace's ICMP counters. */
async function echoesReceived(netns: string): Promise<string | undefined> {
  const text = await run(['ip', 'netns', 'exec', netns, 'cat', '/proc/net/snmp']);
  const [names = '', values = ''] = text.split('\n').filter((line) => line.startsWith('Icmp:'));
  return values.split(' ')[names.split(' ').indexOf('InEchos')];
}

/** IPv6 packets that this host received from a slot. */
async function ipv6Received({ address }: Vm): Promise<string | undefined> {
  const [, , third = 0, last = 0] = address.split('.').map(Number);
  const text = await readFile(`/proc/net/dev_snmp6/${linkName('ruled', (third * 256 + last - 2) / 4)}`, 'utf8');
  return /Ip6InReceives\s+(\d+)/.exec(text)?.[1];
}
