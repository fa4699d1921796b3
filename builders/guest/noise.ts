/** Says where a log file is that goes away with the VM, or nothing. */
const NOISE = /complete log of this run can be found in|^npm error\s*$|^\s*$/;
/** npm tells all its options after some errors, several screens below the reason. */
const USAGE = /^npm error (Usage:|Clean install a project)/;

/** Passes on the lines of a tool that are worth reading. */
export function withoutNoise(take: (line: string) => void): (line: string) => void {
  let usage = false;
  return (line) => {
    if (NOISE.test(line)) return;
    usage = line.startsWith('npm error') && (usage || USAGE.test(line));
    if (!usage) take(line);
  };
}
