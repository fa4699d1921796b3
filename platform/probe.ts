import { join } from 'node:path';
import { readConfig } from './config.ts';
import { openHost } from './host/open.ts';
import { PROBE_LIMIT_MS } from './host/vmm/accelerator.ts';
import { openQemu } from './host/vmm/qemu/driver.ts';
import { createLog } from './log.ts';
import { readMachine } from './machine.ts';

/**
 * `node platform/probe.ts`: boots a guest to its agent with the accelerator that
 * THAW_ACCEL names. Exit code 0 when it did; else the last line on standard error says why.
 */
const config = readConfig();
const machine = await readMachine(config.images);
const vmm = await openQemu(machine.launcher, config.accelerator === 'kvm' ? 'kvm' : 'tcg');
await using host = await openHost({
  vmm,
  acceleratorReason: 'being tried',
  imageSet: machine.imageSet,
  data: config.data,
  cache: join(config.data, 'cache'),
  serverId: config.serverId,
  slotsAhead: 0,
  intercept: machine.intercept,
  log: createLog('silent'),
});
try {
  await host.runtimeTemplate('base', { memoryMiB: 256, vcpus: 1 }, AbortSignal.timeout(PROBE_LIMIT_MS));
} catch (error) {
  const { cause, message, name } = error as Error;
  const late = name === 'TimeoutError' ? `it did not reach its agent within ${PROBE_LIMIT_MS / 1000} s.` : message;
  const why = cause instanceof Error && cause.message !== '' ? cause.message : late;
  process.stderr.write(`${why.split('\n').at(-1)}\n`);
  process.exitCode = 1;
}
