import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { VmUsage } from '../contract.ts';
import { linkName } from '../network/addresses.ts';
import type { RunningVm } from './running.ts';

/** Units of the times in `/proc/<pid>/stat`; sysconf(_SC_CLK_TCK) on every architecture that runs Linux today. */
const TICKS_PER_SECOND = 100;
const KIB = 1024;
/** Unit of `blocks` in stat(2). */
const STAT_BLOCK = 512;

/** What a VM uses, read from the kernel: the guest is not asked, so it costs it nothing and it cannot lie. */
export async function usageOf(vm: RunningVm): Promise<VmUsage> {
  const { machine, record } = vm;
  const process = `/proc/${machine.record.pid}`;
  const [times, status, disk, out, into] = await Promise.all([
    readFile(join(process, 'stat'), 'latin1').catch(() => ''),
    readFile(join(process, 'status'), 'latin1').catch(() => ''),
    stat(vm.file('disk.qcow2')).catch(() => ({ blocks: 0 })),
    counter(linkName(record.slot.kind, record.slot.index), 'tx_bytes'),
    counter(linkName(record.slot.kind, record.slot.index), 'rx_bytes'),
  ]);
  // Fields 14 and 15, proc(5); counted behind the name, which may hold spaces.
  const fields = times.slice(times.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  return {
    cpuSeconds: ticks / TICKS_PER_SECOND,
    memoryBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * KIB,
    diskBytes: disk.blocks * STAT_BLOCK,
    // What this end of the link sends the guest receives.
    receivedBytes: out,
    sentBytes: into,
  };
}

async function counter(link: string, name: 'rx_bytes' | 'tx_bytes'): Promise<number> {
  return Number(await readFile(`/sys/class/net/${link}/statistics/${name}`, 'latin1').catch(() => '0'));
}
