import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { functionRun } from '../builders/function/runner.ts';
import { ThawError } from '../platform/errors.ts';
import { Overlays } from '../platform/host/disk/overlay.ts';
import { gatewayServiceAddress } from '../platform/host/network/addresses.ts';
import { claim, unclaim } from '../platform/host/network/claims.ts';
import { createSlot, removeSlot } from '../platform/host/network/slot.ts';
import { TemplateCatalogue } from '../platform/host/templates/chain.ts';
import { TEMPLATE_FILES } from '../platform/host/templates/manifest.ts';
import { TemplateStore } from '../platform/host/templates/store.ts';
import { placeClone } from '../platform/host/vms/clone.ts';
import { silentLog } from '../platform/log.ts';
import { openVmm, readMachine } from '../platform/machine.ts';
import { get } from './request.ts';
import type { BenchServer } from './server.ts';

/** Far from where servers begin to look for slots; any free one would do. */
const SLOT = 16_000;
const UID = 1_900_000_000 + SLOT;

/** Restores one template again and again, with nothing of the platform around the VMM. */
export interface Bare extends AsyncDisposable {
  /** @returns milliseconds from the start of the VMM to the last byte of one answer, and the first part of it: until the VM runs */
  restore(): Promise<{ ms: number; vmm: number }>;
}

/**
 * What a cold start costs at the very least here: the same VMM in the same jail
 * with the same template, and one HTTP request to the code. No agent, no
 * identity, no router; the network is there already.
 *
 * @param deployment whose template is restored
 */
export async function openBare(server: BenchServer, deployment: string): Promise<Bare> {
  await using stack = new AsyncDisposableStack();
  const log = silentLog();
  const machine = await readMachine(server.config.images);
  const { vmm } = await openVmm(server.config, machine, log);
  const stores = [
    await TemplateStore.open(join(server.config.data, 'templates'), log),
    await TemplateStore.open(join(server.config.images, 'templates'), log),
  ];
  const catalogue = new TemplateCatalogue(stores, vmm.identity, machine.imageSet);
  const template = stores[0]?.list().find(({ manifest }) => manifest.labels.deployment === deployment);
  if (!template) throw new ThawError('not_found', 'The deployment has no template.');
  const disks = catalogue.disks(template);

  const scratch = await mkdtemp('/tmp/thaw-bare-');
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  const overlays = new Overlays(join(scratch, 'empty'));
  if (!(await claim({ index: SLOT, kind: 'public', owner: scratch }))) {
    throw new ThawError('conflict', `Slot ${SLOT} is in use.`, { hint: 'Does another benchmark run?' });
  }
  stack.defer(() => unclaim(SLOT));
  stack.defer(() => removeSlot('public', SLOT));
  const slot = await createSlot('public', SLOT, gatewayServiceAddress(server.config.serverId));
  const { port } = functionRun('', '');
  const { kernel, initramfs } = machine.imageSet;

  const restore = async () => {
    const directory = join(scratch, 'vm');
    const began = performance.now();
    await mkdir(directory);
    const files = await placeClone(directory, template, disks, {
      memory: 'clone',
      shared: false,
      mapsReadOnly: vmm.mapsReadOnly,
      overlays,
    });
    await using vm = await vmm.load(
      {
        name: `thaw-bare-${process.pid}`,
        directory,
        shape: template.manifest.shape,
        ...files,
        netns: slot.netns,
        tap: slot.tap,
        uid: UID,
        cgroups: [],
        kernel: kernel.path,
        initramfs: initramfs.path,
        commandLine: kernel.commandLine,
      },
      join(template.directory, TEMPLATE_FILES.state),
    );
    await vm.resume();
    const running = performance.now();
    const { status } = await get({ host: slot.address, port });
    const answered = performance.now();
    if (status !== 200) throw new ThawError('app_crashed', `The restored VM answered ${status}.`);
    return { ms: answered - began, vmm: running - began };
  };
  await restore().finally(() => rm(join(scratch, 'vm'), { recursive: true, force: true })); // makes the empty overlay
  const resources = stack.move();
  return {
    restore: () => restore().finally(() => rm(join(scratch, 'vm'), { recursive: true, force: true })),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
