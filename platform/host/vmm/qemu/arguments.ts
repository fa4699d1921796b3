import { MOST_DISKS } from '../../disks.ts';
import type { MachineSpec } from '../contract.ts';

/**
 * Raised whenever the arguments below change what the guest sees: templates
 * made with another layout are stale.
 */
export const MACHINE_LAYOUT = 'microvm-4';

/** Paths inside the jail. */
export const JAIL_PATHS = {
  kernel: '/vm/kernel',
  initramfs: '/vm/initramfs',
  memory: '/vm/memory',
  disk: (index: number) => `/vm/disk${index}`,
  data: (index: number) => `/vm/data${index}`,
  io: '/vm/io',
} as const;

/** Descriptors that the jail hands over; see jail/main.go. */
const FD = { monitor: 3, tap: 4, state: 5 } as const;

/** The guest's side of the tap; the same in every VM because it is in the snapshot. */
const GUEST_MAC = '02:74:68:61:77:02';

export interface QemuFacts {
  binary: string;
  accelerator: 'kvm' | 'tcg';
  cpu: string;
  /** Added to the kernel's command line. */
  bootArguments: string[];
  /** `readonly=on,rom=off` exists since QEMU 8.2: memory mapped private from a file opened read-only. */
  mapsReadOnly: boolean;
}

/** The command line of one VM, either to boot it or to load its state. */
export function qemuArguments(facts: QemuFacts, spec: MachineSpec, start: 'boot' | 'load'): string[] {
  const { memory, shape } = spec;
  const readOnly = memory.readOnly && facts.mapsReadOnly ? ',readonly=on,rom=off' : '';
  return [
    facts.binary,
    ...['-name', spec.name, '-nodefaults', '-no-user-config', '-no-reboot'],
    ...['-display', 'none'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    // pic=off with an ISA serial port hangs; the cloud kernel finds virtio-mmio through ACPI alone.
    ...['-machine', 'microvm,acpi=on,rtc=on,pic=on,pit=on,isa-serial=on,memory-backend=ram'],
    // QEMU's small firmware. Where SeaBIOS is the default, it puts ACPI tables where QEMU then puts the initramfs.
    ...['-bios', 'qboot.rom'],
    ...['-accel', facts.accelerator],
    ...['-cpu', facts.cpu],
    ...['-m', `${shape.memoryMiB}M`],
    ...['-smp', String(shape.vcpus)],
    ...[
      '-object',
      `memory-backend-file,id=ram,size=${shape.memoryMiB}M,mem-path=${JAIL_PATHS.memory},share=${memory.shared ? 'on' : 'off'}${readOnly}`,
    ],
    ...[
      '-kernel',
      JAIL_PATHS.kernel,
      '-initrd',
      JAIL_PATHS.initramfs,
      '-append',
      [spec.commandLine, ...facts.bootArguments].join(' '),
    ],
    ...['-chardev', `socket,id=monitor,fd=${FD.monitor},server=on,wait=off`, '-mon', 'chardev=monitor,mode=control'],
    // A ring, not a file: a guest that floods its console fills nothing.
    ...['-chardev', 'ringbuf,id=console,size=65536', '-serial', 'chardev:console'],
    ...['-blockdev', JSON.stringify(diskChain(spec.disks)), '-device', 'virtio-blk-device,drive=root'],
    // No announcement after a load: the neighbours are fixed, and the guest would spend milliseconds on it.
    ...[
      '-netdev',
      `tap,id=net,fd=${FD.tap}`,
      '-device',
      `virtio-net-device,netdev=net,mac=${GUEST_MAC},guest_announce=off`,
    ],
    ...['-object', 'rng-builtin,id=rng', '-device', 'virtio-rng-device,rng=rng'],
    // Last: the guest's kernel numbers disks in this order, and the root's has to be the first.
    ...Array.from({ length: MOST_DISKS }, (_, index) => dataDisk(index, spec.data?.[index]?.serial)).flat(),
    ...(start === 'load' ? ['-incoming', 'defer'] : []),
  ];
}

/** Address of the saved state for `migrate-incoming`. */
export const INCOMING_STATE = `fd:${FD.state}`;

/** Name of a data disk's node. */
export function dataNode(index: number): string {
  return `data${index}`;
}

/**
 * One place for a data disk. Devices are part of saved state and nothing can be plugged in later, so every VM has all
 * places, and an empty one has no size. What the guest flushes is on the host's disk when it hears of it. Where the host
 * has no room left, the guest is told of the failed write, as by any other disk.
 */
function dataDisk(index: number, serial: string | undefined): string[] {
  const node = dataNode(index);
  const file = { driver: 'file', filename: JAIL_PATHS.data(index), locking: 'on', discard: 'unmap' };
  const cache = { direct: false, 'no-flush': false };
  const disk =
    serial === undefined
      ? { driver: 'null-co', 'node-name': node, size: 0, 'read-zeroes': true }
      : { driver: 'raw', 'node-name': node, cache, discard: 'unmap', file };
  const device = `virtio-blk-device,drive=${node},serial=${serial ?? 'none'},werror=report,rerror=report`;
  return ['-blockdev', JSON.stringify(disk), '-device', device];
}

/**
 * The block device graph: a qcow2 overlay on read-only ones on a raw image. It is
 * spelled out so that no file's own header decides what is opened.
 */
function diskChain(disks: string[]): Record<string, unknown> {
  const node = (index: number): Record<string, unknown> => ({
    driver: index === disks.length - 1 ? 'raw' : 'qcow2',
    ...(index === 0 ? { 'node-name': 'root', discard: 'unmap' } : { 'read-only': true }),
    // Root disks are thrown away or synced as a whole when they are frozen: flushing in between buys nothing.
    cache: { 'no-flush': index === 0 },
    file: { driver: 'file', filename: JAIL_PATHS.disk(index) },
    ...(index < disks.length - 1 ? { backing: node(index + 1) } : {}),
  });
  return node(0);
}
