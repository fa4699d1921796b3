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
  'audit=0',
  // Pressure accounting costs on every switch between tasks, and nothing in a guest reads it.
  'psi=0',
];

/** The guest kernel's command line. What depends on the VMM, such as the frequency of its clock, is added there. */
export const KERNEL_COMMAND_LINE = ALWAYS.join(' ');
