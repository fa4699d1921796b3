import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Egress, HostEvent, Vm } from '../../platform/host/contract.ts';
import { GATEWAY, GATEWAY_PORTS, linkName, netnsName } from '../../platform/host/network/addresses.ts';
import { run } from '../../platform/host/run.ts';
import { ask, openTestHost, shell, type TestHost } from '../fixtures/host.ts';
import { CLOSED, HOST_END, openWorld, PUBLIC, type World } from '../fixtures/world.ts';

const [ONE, TWO, THREE] = PUBLIC;
const rules = (...allow: string[]): Egress => ({ mode: 'rules', allow });
type Refused = Extract<HostEvent, { kind: 'refused' }>;

describe('a guest with egress rules', () => {
  let at: TestHost;
  let world: World;
  let vm: Vm;
  let events: Refused[] = [];
  const stop = new AbortController();
  before(async () => {
    world = await openWorld();
    world.names.set('allowed.example.com', [ONE]).set('deep.below.example.net', [ONE]).set('example.net', [ONE]);
    world.names.set('other.example.org', [TWO]).set('allowed-too.example.com', [TWO]);
    at = await openTestHost({ resolver: world.resolver });
    const stream = at.host.events(stop.signal);
    void (async () => {
      for await (const event of stream) if (event.kind === 'refused') events.push(event);
    })();
    vm = await at.thaw({ egress: rules() });
  });
  after(async () => {
    stop.abort();
    await at?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    world.knocks.length = 0;
    world.asked.length = 0;
    events = [];
  });

  const allow = (...some: string[]) => at.host.setEgress(vm.id, rules(...some));
  /** What a TLS server said to a guest that connects to `host` with the server name `name`, or the error's code. */
  const tls = (host: string, name = host, whose = vm) =>
    ask<string>(
      whose,
      `return new Promise((resolve) => {
         let text = '';
         const socket = require('node:tls').connect({ host: '${host}', port: 443, servername: '${name}', rejectUnauthorized: false });
         socket.on('data', (data) => { text += data; }).on('error', (error) => resolve(error.code)).on('end', () => resolve(text));
       });`,
    );
  const http = (host: string, name = host, path = '/') =>
    ask<string>(
      vm,
      `return new Promise((resolve) => {
         const options = { host: '${host}', path: '${path}', headers: { host: '${name}' }, agent: false };
         require('node:http').get(options, async (answer) => {
           let text = '';
           for await (const chunk of answer) text += chunk;
           resolve(text);
         }).on('error', (error) => resolve(error.code));
       });`,
    );
  /** The first bytes that a server sends by itself, or how it ended, and after how many milliseconds. */
  const listens = (host: string, port: number) =>
    ask<{ heard: string; ms: number }>(
      vm,
      `const began = performance.now();
       return new Promise((resolve) => {
         const end = (heard) => { socket.destroy(); resolve({ heard, ms: performance.now() - began }); };
         const socket = require('node:net').connect(${port}, '${host}');
         socket.on('data', (data) => end(String(data))).on('error', (error) => end(error.code)).on('end', () => end('end'));
         setTimeout(end, 15000, 'silence');
       });`,
    );
  const lookUp = (name: string, type = 'A', timeout = 5000) =>
    ask<string[] | string>(
      vm,
      `const resolver = new (require('node:dns').promises.Resolver)({ timeout: ${timeout}, tries: 1 });
       resolver.setServers(['${GATEWAY}']);
       return resolver.resolve('${name}', '${type}').catch((error) => error.code);`,
    );
  const told = async (wanted: Partial<Refused>) => {
    for (const began = performance.now(); performance.now() - began < 2_000; await sleep(10)) {
      const found = events.find((event) =>
        Object.entries(wanted).every(([key, value]) => event[key as keyof Refused] === value),
      );
      if (found !== undefined) return found;
    }
    return assert.fail(`${JSON.stringify(wanted)} is not among ${JSON.stringify(events)}`);
  };

  it('reaches a name that is allowed, over TLS and HTTP', async () => {
    await allow('allowed.example.com');
    assert.equal(await tls('allowed.example.com'), 'hello allowed.example.com');
    assert.equal(await http('allowed.example.com'), 'hello allowed.example.com');
    assert.deepEqual(
      world.knocks.map(({ protocol, address }) => `${protocol} ${address}`),
      [`tls ${ONE}`, `http ${ONE}`],
    );
    assert.deepEqual(events, []);
  });

  it('reaches all names below a wildcard, and not the name itself', async () => {
    await allow('*.example.net');
    assert.equal(await tls('deep.below.example.net'), 'hello deep.below.example.net');
    assert.equal(await tls('example.net'), 'ENOTFOUND');
    await told({ destination: 'example.net', port: 53, protocol: 'dns', reason: 'not_allowed', vm: vm.id });
  });

  it('reaches addresses of an allowed range whatever is spoken there, on the port that the rule names', async () => {
    await allow(`${TWO}:22`, '198.51.100.68/31');
    assert.equal((await listens(TWO, 22)).heard, 'SSH-2.0-world\r\n');
    assert.equal((await listens(THREE, 22)).heard, 'SSH-2.0-world\r\n');
    const { heard, ms } = await listens(TWO, 7);
    assert.equal(heard, 'ECONNRESET');
    assert.ok(ms < 1_000, `${ms} ms`);
    await told({ destination: TWO, port: 7, protocol: 'tcp', reason: 'not_allowed' });
    assert.equal(world.knocks.length, 2);
  });

  it('reaches every public address with "open", and nothing without rules', async () => {
    await allow('open');
    assert.equal((await listens(THREE, 22)).heard, 'SSH-2.0-world\r\n');
    assert.equal(await tls('other.example.org'), 'hello other.example.org');
    await allow();
    assert.equal((await listens(THREE, 22)).heard, 'ECONNRESET');
    assert.equal(await tls('other.example.org'), 'ENOTFOUND');
    assert.equal(world.knocks.length, 2);
  });

  it('is not told of a name that is not allowed, and nobody is asked for it', async () => {
    await allow('allowed.example.com');
    assert.equal(await lookUp('other.example.org'), 'ENOTFOUND');
    const secret = `${'x'.repeat(60)}.${'y'.repeat(60)}.tunnel.example.org`;
    assert.equal(await lookUp(secret, 'TXT'), 'ENOTFOUND');
    await told({ destination: secret, protocol: 'dns', reason: 'not_allowed' });
    assert.deepEqual(world.asked, []);
  });

  it('does not get around it with a raw address, a false server name or a false host', async () => {
    await allow('allowed.example.com');
    assert.equal(await tls(TWO, 'other.example.org'), 'ECONNRESET');
    await told({ destination: 'other.example.org', port: 443, reason: 'not_allowed' });
    assert.equal(await tls(TWO, 'allowed.example.com'), 'ECONNRESET');
    await told({ destination: 'allowed.example.com', port: 443, reason: 'other_address' });
    assert.equal(await http(TWO, 'allowed.example.com'), 'ECONNRESET');
    await told({ destination: 'allowed.example.com', port: 80, reason: 'other_address' });
    assert.equal(await http(ONE, 'other.example.org'), 'ECONNRESET');
    await told({ destination: 'other.example.org', port: 80, reason: 'not_allowed' });
    assert.equal(await http(ONE, 'allowed.example.com', 'http://other.example.org/'), 'ECONNRESET');
    assert.equal(await tls(ONE, ''), 'ECONNRESET');
    await told({ destination: ONE, port: 443, reason: 'no_name' });
    assert.deepEqual(world.knocks, []);
  });

  it('cannot use the address of one allowed name for another', async () => {
    await allow('allowed.example.com', 'allowed-too.example.com');
    assert.equal(await tls('allowed-too.example.com'), 'hello allowed-too.example.com');
    assert.equal(await tls(TWO, 'allowed.example.com'), 'ECONNRESET');
    assert.equal(world.knocks.length, 1);
  });

  it('waits ten seconds at most where the server would speak first', async () => {
    await allow('allowed.example.com');
    const { heard, ms } = await listens('allowed.example.com', 22);
    assert.equal(heard, 'ECONNRESET');
    assert.ok(ms > 9_000 && ms < 12_000, `${ms} ms`);
    await told({ destination: ONE, port: 22, reason: 'no_name' });
    assert.deepEqual(world.knocks, []);
  });

  it('never reaches a closed address or this host, whatever a rule or an answer names', async () => {
    world.names.set('rebinding.example.com', [...CLOSED, HOST_END]).set('half.example.com', ['10.66.6.6', ONE]);
    await allow('open', '*.example.com', '0.0.0.0/0', '8.0.0.0/5');
    for (const address of [...CLOSED, HOST_END, '127.0.0.1', GATEWAY]) {
      if (address !== '127.0.0.1') assert.equal((await listens(address, 22)).heard, 'ECONNRESET', address);
      assert.match(await proxied(`${address}:22`), /^HTTP\/1\.1 403 /, address);
    }
    assert.equal(await lookUp('rebinding.example.com'), 'ENODATA');
    await told({ destination: 'rebinding.example.com', protocol: 'dns', reason: 'closed_range' });
    assert.match(await proxied('rebinding.example.com:443'), /^HTTP\/1\.1 502 /);
    assert.deepEqual(await lookUp('half.example.com'), [ONE]);
    assert.equal(await tls('10.66.6.6', 'half.example.com'), 'ECONNRESET');
    assert.deepEqual(world.knocks, []);
    assert.ok(events.some(({ reason }) => reason === 'closed_range'));
  });

  it('has no UDP, no ICMP and no IPv6', async () => {
    await allow('open');
    const sent = `const socket = require('node:dgram').createSocket('udp4');
      return new Promise((resolve) => {
        socket.on('error', (error) => { socket.close(); resolve(error.code); });
        socket.connect(9, '${TWO}', () => socket.send('hello'));
        setTimeout(resolve, 1500, 'silence');
      });`;
    assert.equal(await ask(vm, sent), 'EHOSTUNREACH');
    await told({ destination: TWO, port: 9, protocol: 'udp', reason: 'not_allowed' });
    const echo = `use Socket; socket(S, PF_INET, SOCK_RAW, 1) or die $!;
      send(S, pack("C2 n3", 8, 0, 0xf7ff, 0, 0), 0, sockaddr_in(0, inet_aton("${TWO}"))) or die $!; print "sent"`;
    assert.equal(await shell(at.host, vm.id, `perl -e '${echo}'`), 'sent');
    await told({ destination: TWO, port: 0, protocol: 'icmp', reason: 'not_allowed' });
    const [seen] =
      /^Icmp: [\d ]+$/m.exec(await run(['ip', 'netns', 'exec', world.netns, 'cat', '/proc/net/snmp'])) ?? [];
    assert.equal(seen?.split(' ')[8], '0', 'echo requests that came (InEchos)');
    const before = await ipv6(vm);
    const frame = `socket(S, 17, 3, 0x8dd) or die $!; open(I, "/sys/class/net/eth0/ifindex"); chomp($i = <I>);
      $ip = pack("H*", "6000000000083a40" . "20010db8000000000000000000000002" . "20010db8000000000000000000000001" . "8000000000000000");
      send(S, pack("H*", "027468617701027468617702" . "86dd") . $ip, 0, pack("S n i S C C a8", 17, 0x86dd, $i, 0, 0, 6, pack("H*", "027468617701"))) or die $!;
      print "sent"`;
    assert.equal(await shell(at.host, vm.id, `perl -e '${frame}'`), 'sent');
    assert.deepEqual(await ipv6(vm), before);
    assert.deepEqual(world.knocks, []);
  });

  it('is cut off when its policy changes while it runs', async () => {
    await allow(`${TWO}:7`, `${THREE}:7`, 'allowed.example.com');
    await ask(
      vm,
      `kept.ends = [];
       kept.sockets = await Promise.all(['${TWO}', '${THREE}'].map((host, at) => new Promise((resolve) => {
         const socket = require('node:net').connect(7, host);
         socket.on('error', (error) => { kept.ends[at] = error.code; }).on('data', () => resolve(socket));
         socket.write('x');
       })));`,
    );
    await allow(`${THREE}:7`);
    const ends = await ask<(string | null)[]>(
      vm,
      `await new Promise((resolve) => setTimeout(resolve, 200)); return kept.ends;`,
    );
    assert.deepEqual(ends, ['ECONNRESET']);
    await told({ destination: TWO, port: 7, reason: 'policy_changed' });
    const echoed = await ask(
      vm,
      `const [, socket] = kept.sockets;
       return new Promise((resolve) => { socket.once('data', (data) => resolve(String(data))); socket.write('still here'); });`,
    );
    assert.equal(echoed, 'still here');
    await allow();
    await assert.rejects(at.host.setEgress(vm.id, { mode: 'public' }), { code: 'conflict' });
    await assert.rejects(allow('not a rule'), { code: 'invalid_input', message: /"not a rule"/ });
  });

  it('reaches allowed names through the proxy, too', async () => {
    await allow('allowed.example.com', `${TWO}:7`);
    assert.match(await proxied('allowed.example.com:443'), /^HTTP\/1\.1 200 /);
    assert.match(await proxied(`${TWO}:7`), /^HTTP\/1\.1 200 /);
    assert.match(await proxied('other.example.org:443'), /^HTTP\/1\.1 403 /);
    await told({ destination: 'other.example.org', port: 443, reason: 'not_allowed' });
  });

  it('does not flood whoever listens to events', async () => {
    const one = await at.thaw({ egress: rules('allowed.example.com') });
    await ask(
      one,
      `const resolver = new (require('node:dns').promises.Resolver)();
       resolver.setServers(['${GATEWAY}']);
       for (let i = 0; i < 200; i += 1) await resolver.resolve4('n' + i + '.example.org').catch(() => {});`,
    );
    await at.host.end(one.id);
    const own = events.filter((event) => event.vm === one.id);
    assert.ok(own.length <= 60, `${own.length} events`);
    assert.equal(
      own.reduce((sum, { count }) => sum + count, 0),
      200,
    );
  });

  it('moves bytes through the gateway at the speed of its own link', async (test) => {
    await allow(`${TWO}:9`);
    const bytes = 64 * 1024 * 1024;
    const download = await ask<number>(
      vm,
      `const began = performance.now();
       return new Promise((resolve, reject) => {
         let got = 0;
         const socket = require('node:net').connect(9, '${TWO}', () => socket.write('send ${bytes}'));
         socket.on('data', (data) => { got += data.length; }).on('error', reject);
         socket.on('end', () => { socket.end(); got === ${bytes} ? resolve(performance.now() - began) : reject(new Error(got)); });
       });`,
    );
    const upload = await ask<number>(
      vm,
      `const began = performance.now();
       return new Promise((resolve, reject) => {
         let text = '';
         const socket = require('node:net').connect(9, '${TWO}', () => socket.end(Buffer.alloc(${bytes})));
         socket.on('data', (data) => { text += data; }).on('error', reject);
         socket.on('end', () => text === '${bytes}' ? resolve(performance.now() - began) : reject(new Error(text)));
       });`,
    );
    const speed = (ms: number) => bytes / 1e6 / (ms / 1e3);
    test.diagnostic(`down ${speed(download).toFixed(0)} MB/s, up ${speed(upload).toFixed(0)} MB/s`);
    assert.ok(speed(download) > 5 && speed(upload) > 5);
  });

  it('keeps its connections and its policy while it sleeps', async () => {
    const own = await at.thaw({ egress: rules(`${TWO}:7`), memory: 'own' });
    const echo = `return new Promise((resolve) => {
      kept.socket ??= require('node:net').connect(7, '${TWO}').on('error', (error) => resolve(error.code));
      kept.socket.once('data', (data) => resolve(String(data)));
      kept.socket.write('hello');
    });`;
    assert.equal(await ask(own, echo), 'hello');
    await at.host.sleep(own.id);
    await at.host.wake(own.id);
    assert.equal(await ask(own, echo), 'hello');
    assert.equal(world.knocks.length, 1);
    await at.host.sleep(own.id);
    await at.host.setEgress(own.id, { mode: 'none' });
    await at.host.wake(own.id);
    assert.equal(await tls('allowed.example.com', 'allowed.example.com', own), 'ENOTFOUND');
    await at.host.end(own.id);
  });

  it('leaves nothing in its slot when it ends', async () => {
    const one = await at.thaw({ egress: rules(`${TWO}:7`, 'allowed.example.com') });
    await ask(
      one,
      `kept.sockets = await Promise.all([7, 7, 7].map((port) => new Promise((resolve) => {
         const socket = require('node:net').connect(port, '${TWO}', () => resolve(socket)).on('error', () => {});
       })));
       kept.waiting = require('node:net').connect(443, '${ONE}').on('error', () => {});`,
    );
    await at.host.end(one.id);
    const sockets = await run(['ip', 'netns', 'exec', netnsOf(one), 'cat', '/proc/net/tcp']);
    const open = sockets
      .trim()
      .split('\n')
      .slice(1)
      .filter((line) => !/ 0A /.test(line));
    assert.deepEqual(open, []);
  });

  /** The first line that the gateway's proxy answers to a CONNECT. */
  const proxied = (target: string) =>
    ask<string>(
      vm,
      `const socket = require('node:net').connect(${GATEWAY_PORTS.proxy}, '${GATEWAY}');
       socket.write('CONNECT ${target} HTTP/1.1\\r\\nhost: ${target}\\r\\n\\r\\n');
       const [bytes] = await require('node:events').once(socket, 'data');
       socket.destroy();
       return String(bytes).split('\\r\\n')[0];`,
    );
});

function indexOf({ address }: Vm): number {
  const [, , third = 0, last = 0] = address.split('.').map(Number);
  return (third * 256 + last - 2) / 4;
}

const netnsOf = (vm: Vm) => netnsName(indexOf(vm));

/** IPv6 packets that came out of a slot. */
async function ipv6(vm: Vm): Promise<string | undefined> {
  const text = await readFile(`/proc/net/dev_snmp6/${linkName('ruled', indexOf(vm))}`, 'utf8').catch(() => '');
  return /Ip6InReceives\s+(\d+)/.exec(text)?.[1];
}
