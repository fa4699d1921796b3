import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Egress, Vm } from '../../platform/host/contract.ts';
import { GATEWAY, GATEWAY_PORTS, gatewayServiceAddress } from '../../platform/host/network/addresses.ts';
import { ask, openTestHost, PORT, shell, type TestHost } from '../fixtures/host.ts';

describe('what a guest reaches', () => {
  let at: TestHost;
  let registry: string;
  let listener: Server;
  let knocks = 0;
  const vms = {} as Record<Egress['mode'], Vm>;
  before(async () => {
    at = await openTestHost({ slotsAhead: 2 });
    const { stdout } = await promisify(execFile)('npm', ['config', 'get', 'registry'], { cwd: '/' });
    registry = new URL(stdout.trim()).hostname;
    listener = createServer((socket) => {
      knocks += 1;
      socket.on('error', () => {}).end('you should not be here');
    }).listen(0, '0.0.0.0');
    await once(listener, 'listening');
    const egress: Egress[] = [{ mode: 'none' }, { mode: 'public' }, { mode: 'hosts', hosts: [registry] }];
    await Promise.all(
      egress.map(async (one) => {
        vms[one.mode] = await at.thaw({ egress: one });
      }),
    );
  });
  after(async () => {
    listener.close();
    await at[Symbol.asyncDispose]();
  });

  /** How connecting from inside a guest to each of these ends: `connected`, an error's code, or `silence`. */
  const tried = (vm: Vm, targets: [string, number][]) =>
    ask<string[]>(
      vm,
      `const { connect } = require('node:net');
       return Promise.all(${JSON.stringify(targets)}.map(([host, port]) => new Promise((resolve) => {
         const socket = connect({ host, port });
         const end = (how) => { socket.destroy(); resolve(how); };
         socket.once('connect', () => end('connected')).once('error', (error) => end(error.code));
         setTimeout(end, 1500, 'silence');
       })));`,
    );

  /** The first line that the gateway's proxy answers to a CONNECT for `name`. */
  const proxied = (vm: Vm, name: string) =>
    ask<string>(
      vm,
      `const socket = require('node:net').connect(${GATEWAY_PORTS.proxy}, '${GATEWAY}');
       socket.write('CONNECT ${name} HTTP/1.1\\r\\nhost: ${name}\\r\\n\\r\\n');
       const [bytes] = await require('node:events').once(socket, 'data');
       socket.destroy();
       return String(bytes).split('\\r\\n')[0];`,
    );

  for (const mode of ['none', 'public', 'hosts'] as const) {
    it(`is neither the host, nor another guest, nor a private address, with mode ${mode}`, async () => {
      const vm = vms[mode];
      const { port } = listener.address() as AddressInfo;
      const own = Object.values(networkInterfaces())
        .flatMap((addresses) => addresses ?? [])
        .filter(({ family, internal }) => family === 'IPv4' && !internal)
        .map(({ address }) => address);
      const slotsHostEnd = vm.address.replace(/\d+$/, (last) => String(Number(last) - 1));
      const addresses = [GATEWAY, slotsHostEnd, gatewayServiceAddress(at.config.serverId), vm.address, ...own];
      const others = Object.values(vms).filter(({ id }) => id !== vm.id);
      const targets: [string, number][] = [
        ...addresses.map((address): [string, number] => [address, port]),
        ...others.map(({ address }): [string, number] => [address, PORT]),
        ...others.map(({ address }): [string, number] => [address, 1001]),
        ['169.254.169.254', 80],
        ['192.168.0.1', 80],
        ['10.0.0.1', 80],
        ['172.17.0.1', 80],
        ['100.64.0.1', 80],
      ];
      const ends = await tried(vm, targets);
      const reached = targets.filter((_, at) => ends[at] === 'connected');
      assert.deepEqual(reached, []);
      assert.equal(knocks, 0);
    });
  }

  it('is told at once that a private address is closed', async () => {
    for (const vm of Object.values(vms)) assert.deepEqual(await tried(vm, [['192.168.0.1', 80]]), ['EHOSTUNREACH']);
  });

  it('is, by the proxy, a host that the policy names, and no other', async () => {
    assert.match(await proxied(vms.hosts, `${registry}:443`), /^HTTP\/1\.1 200 /);
    assert.match(await proxied(vms.hosts, `${registry.toUpperCase()}.:443`), /^HTTP\/1\.1 200 /);
    for (const other of [
      'example.org:443',
      `${registry}:22`,
      `${registry}.example.org:443`,
      '127.0.0.1:443',
      'x:443',
    ]) {
      assert.match(await proxied(vms.hosts, other), /^HTTP\/1\.1 403 /, other);
    }
    for (const mode of ['none', 'public'] as const) {
      assert.match(await proxied(vms[mode], `${registry}:443`), /^HTTP\/1\.1 403 /, mode);
    }
  });

  it('is no address of this machine, whatever its name', async () => {
    const local = await at.thaw({ egress: { mode: 'hosts', hosts: ['localhost'] } });
    assert.match(await proxied(local, 'localhost:80'), /^HTTP\/1\.1 403 /);
    // The operator's own names may lie there: what answers now is that nobody listens, or whoever does.
    const trusted = await at.thaw({ egress: { mode: 'hosts', hosts: ['localhost'], operator: true } });
    assert.match(await proxied(trusted, 'localhost:80'), /^HTTP\/1\.1 (200|502) /);
    await Promise.all([local, trusted].map(({ id }) => at.host.end(id)));
  });

  it('is a resolver only with the public internet', async () => {
    const resolve = (vm: Vm) =>
      ask<string>(
        vm,
        `const { Resolver } = require('node:dns').promises;
         const resolver = new Resolver({ timeout: 1500, tries: 1 });
         resolver.setServers(['${GATEWAY}']);
         return resolver.resolve4('${registry}').then(() => 'answered', (error) => error.code);`,
      );
    assert.notEqual(await resolve(vms.public), 'ETIMEOUT');
    for (const mode of ['none', 'hosts'] as const) assert.equal(await resolve(vms[mode]), 'ETIMEOUT', mode);
  });

  it('is nothing under an address that is not its own', async () => {
    // Root in a guest may call itself what it likes; here by the address of a VM that may use the proxy.
    const vm = await at.thaw({ egress: { mode: 'none' } });
    // There is no `ip` in the guest: SIOCSIFADDR on an alias, netdevice(7).
    const request = `pack("a16 S n a4 x8", "eth0:1", AF_INET, 0, inet_aton("${vms.hosts.address}"))`;
    const perl = `use Socket; socket(S, PF_INET, SOCK_DGRAM, 0); ioctl(S, 0x8916, ${request}) and print "done"`;
    assert.equal(await shell(at.host, vm.id, `perl -e '${perl}'`), 'done');
    const outcome = await ask<string>(
      vm,
      `const socket = require('node:net')
         .connect({ host: '${GATEWAY}', port: ${GATEWAY_PORTS.proxy}, localAddress: '${vms.hosts.address}' });
       return new Promise((resolve) => {
         socket.once('connect', () => resolve('connected')).once('error', (error) => resolve(error.code));
         setTimeout(resolve, 1500, 'silence');
       });`,
    );
    assert.equal(outcome, 'silence');
    await at.host.end(vm.id);
  });
});
