import { spawn } from 'node:child_process';
import { ThawError } from '../errors.ts';

/**
 * Runs one of the system's own programs with `input` on its standard input.
 *
 * @throws ThawError `unavailable` with what the program printed when it fails
 */
export function run(argv: [string, ...string[]], input = ''): Promise<string> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.stdin.on('error', () => {}); // it may end without reading
    child.once('error', (cause) =>
      reject(new ThawError('misconfigured', `${program} could not be run.`, { hint: 'Run `npm run setup`.', cause })),
    );
    child.once('close', (code) => {
      if (code === 0) resolve(output);
      else
        reject(
          new ThawError('unavailable', `${program} failed.`, { cause: new Error(errors.trim() || `exit ${code}`) }),
        );
    });
    child.stdin.end(input);
  });
}
