/**
 * The guest kernel's command line. `root=` and the rest of what an init needs is
 * in the initramfs, so this is the same for every VM.
 */
export const KERNEL_COMMAND_LINE = [
  'console=ttyS0',
  // Kernel messages cost an exit per byte on the serial port; a panic is still written.
  'quiet',
  'panic=-1',
  'reboot=t',
].join(' ');
