import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Tell } from './say.ts';

/** Last lines of a tool that are kept for its failure. */
const TAIL = 40;
/** Says where a log file is that goes away with the VM. */
const NOISE = /complete log of this run can be found in|^npm error\s*$/;

/**
 * Runs a tool, passing its lines on.
 *
 * @returns how it ended, and its last lines
 */
export async function run(argv: string[], cwd: string, tell: Tell): Promise<{ code: number | null; tail: string[] }> {
  const [file = '', ...rest] = argv;
  const child = spawn(file, rest, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const tail: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (line.trim() === '' || NOISE.test(line)) return;
      tell({ output: line });
      tail.push(line);
      if (tail.length > TAIL) tail.shift();
    });
  }
  const [code] = await once(child, 'close');
  return { code, tail };
}
