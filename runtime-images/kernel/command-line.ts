/** What every guest's kernel is told. The root disk and the first program are the initramfs's business. */
const ALWAYS = [
  'console=ttyS0',
  // Each byte on the serial port stops the CPU; a panic is still written.
  'quiet',
  // A guest that panics ends at once, so that its host sees it.
  'panic=-1',
  'reboot=t',
  // There is no second clock to check this one against, and a VM that stood still for days would fail such a check.
  'tsc=reliable',
  // A guest has one address family outside of its loopback.
  'ipv6.disable_ipv6=1',
  // Self tests of the kernel's ciphers: a fifth of an emulated boot.
  'cryptomgr.notests',
  // One tenant per guest: its kernel guards nothing from its own processes that the VMM does not guard anyway.
  'mitigations=off',
];

export interface CommandLineOptions {
  /**
   * Frequency of the time stamp counter in kHz (see `hostTscKhz`), for a VMM that
   * emulates the CPU. Without it the guest measures it against an emulated timer by
   * polling. On a busy machine that fails, and the kernel then hangs without a
   * clock. A hypervisor tells the guest itself, more exactly: leave it out there.
   */
  tscKhz?: number | undefined;
}

/** The guest kernel's command line. */
export function kernelCommandLine({ tscKhz }: CommandLineOptions = {}): string {
  return [...ALWAYS, ...(tscKhz === undefined ? [] : [`tsc_early_khz=${tscKhz}`])].join(' ');
}
