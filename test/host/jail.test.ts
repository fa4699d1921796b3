import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cgroupVersion } from '../../platform/host/cgroup.ts';
import type { Vm } from '../../platform/host/contract.ts';
import { machineName } from '../../platform/host/vms/start.ts';
import { ask, openTestHost, SHAPE, shell, type TestHost } from '../fixtures/host.ts';

const MIB = 1024 * 1024;

describe('the VMM of a running VM', () => {
  let at: TestHost;
  let vm: Vm;
  let other: Vm;
  let pid: number;
  before(async () => {
    at = await openTestHost({ slotsAhead: 2 });
    vm = await at.thaw({ cpus: 0.75 });
    other = await at.thaw({ memory: 'own' });
    pid = await pidOf(vm);
  });
  after(() => at[Symbol.asyncDispose]());

  const pidOf = async ({ id }: Vm) => {
    const [record] = (await at.vmm.find(machineName(at.config.serverId, id))).values();
    assert.ok(record);
    return record.pid;
  };
  const status = (of: number) => {
    const lines = readFileSync(`/proc/${of}/status`, 'utf8').split('\n');
    return Object.fromEntries(lines.map((line) => line.split(':\t') as [string, string]));
  };
  const inside = (path: string) => join(`/proc/${pid}/root`, path);

  it('is a user of its own, with no capability and no way to gain one', async () => {
    const told = status(pid);
    const uids = told.Uid?.split('\t');
    assert.equal(new Set(uids).size, 1, 'real, effective, saved and file system user are the same');
    assert.ok(Number(uids?.[0]) >= 1_900_000_000);
    assert.deepEqual(told.Gid?.split('\t'), uids);
    assert.equal(told.Groups?.trim(), '');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.equal(Number(`0x${told[set]}`), 0, set);
    assert.equal(told.NoNewPrivs, '1');
    assert.equal(told.Seccomp, '2');
    assert.notEqual(status(await pidOf(other)).Uid, told.Uid);
  });

  it('sees only its own files', () => {
    assert.deepEqual(readdirSync(inside('/')).sort(), ['bin', 'dev', 'etc', 'lib', 'lib64', 'usr', 'vm']);
    assert.deepEqual(readdirSync(inside('/etc')), ['ld.so.cache']);
    assert.deepEqual(readdirSync(inside('/dev')), ['null']);
    const own = ['disk0', 'disk1', 'disk2', 'disk3', 'initramfs', 'io', 'kernel', 'memory'];
    assert.deepEqual(readdirSync(inside('/vm')).sort(), own.slice(own.indexOf('disk0')));
    assert.ok(!existsSync(inside(at.config.data)));
    assert.ok(!existsSync(inside('/proc/self')));
    const mounts = readFileSync(`/proc/${pid}/mounts`, 'utf8').trim().split('\n');
    const writable = mounts.filter((line) => / rw,/.test(line)).map((line) => line.split(' ')[1]);
    const expected = ['/dev', '/vm/disk0', '/vm/io', ...(at.vmm.mapsReadOnly ? [] : ['/vm/memory'])];
    assert.deepEqual(writable.sort(), expected);
  });

  it('holds no descriptor and no environment of the server', () => {
    const names = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    const foreign = names.filter((name) => name.startsWith('/') && !/^\/(vm|dev)\/|vmm\.log$|\/state$/.test(name));
    assert.deepEqual(foreign, []);
    assert.equal(readFileSync(`/proc/${pid}/environ`, 'utf8'), 'LANG=C\0');
  });

  it('is in namespaces of its own', () => {
    for (const kind of ['net', 'mnt', 'ipc', 'uts']) {
      assert.notEqual(readlinkSync(`/proc/${pid}/ns/${kind}`), readlinkSync(`/proc/self/ns/${kind}`), kind);
    }
  });

  it('cannot leave a core dump, nor a file larger than its own', () => {
    const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
    assert.match(limits, /Max core file size +0 +0/);
    assert.match(limits, /Max file size +\d+ +\d+/);
  });

  it('has limits for processors, memory and processes', async (test) => {
    const version = await cgroupVersion();
    if (version === undefined) return test.skip('no cgroup controllers on this machine');
    const read = (controller: string, name: string) =>
      readFileSync(
        join('/sys/fs/cgroup', version === 1 ? controller : '', 'thaw', at.config.serverId, vm.id, name),
        'utf8',
      ).trim();
    const share =
      version === 1
        ? Number(read('cpu', 'cpu.cfs_quota_us')) / Number(read('cpu', 'cpu.cfs_period_us'))
        : Number(read('cpu', 'cpu.max').split(' ')[0]) / Number(read('cpu', 'cpu.max').split(' ')[1]);
    assert.equal(share, 0.75);
    const most = Number(read('memory', version === 1 ? 'memory.limit_in_bytes' : 'memory.max'));
    assert.ok(most > SHAPE.memoryMiB * MIB && most < (SHAPE.memoryMiB + 512) * MIB, `${most / MIB} MiB`);
    assert.equal(Number(read('pids', 'pids.max')), 64);
    assert.ok(read('pids', 'cgroup.procs').split('\n').includes(String(pid)));

    // A guest that takes all it can get stays below the limit, and its neighbour does not notice.
    await shell(at.host, vm.id, 'for size in 180M 400M; do dd if=/dev/zero of=/dev/null bs=$size count=1; done; true');
    const used = Number(read('memory', version === 1 ? 'memory.max_usage_in_bytes' : 'memory.peak'));
    assert.ok(used <= most, `${used / MIB} of ${most / MIB} MiB`);
    assert.equal(await ask(other, 'return 1'), 1);
  });
});
