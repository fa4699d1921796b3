/**
 * Reads the frequency of this machine's time stamp counter, which QEMU's emulator
 * shows its guests as theirs.
 *
 * On x86 Linux does not measure "bogomips" any more: it is twice the counter's
 * frequency in MHz (`lpj_fine` in arch/x86/kernel/tsc.c), whereas "cpu MHz"
 * follows the momentary clock of the core.
 *
 * @param cpuinfo text of `/proc/cpuinfo`
 * @returns kHz; undefined when the text does not tell
 */
export function hostTscKhz(cpuinfo: string): number | undefined {
  const bogomips = /^bogomips\s*:\s*([\d.]+)$/m.exec(cpuinfo)?.[1];
  return bogomips === undefined ? undefined : Math.round(Number(bogomips) * 500);
}
