import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Last lines of a tool that are kept. */
const TAIL = 40;
/** Says where a log file is that goes away with the VM. */
const NOISE = /complete log of this run can be found in|^npm error\s*$/;

/** Runs a tool to its end, and gives back its last lines. */
export async function run(argv: string[], cwd: string): Promise<{ code: number | null; tail: string[] }> {
  const [file = '', ...rest] = argv;
  const child = spawn(file, rest, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const tail: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (line.trim() === '' || NOISE.test(line)) return;
      tail.push(line);
      if (tail.length > TAIL) tail.shift();
    });
  }
  const [code] = await once(child, 'close');
  return { code, tail };
}
