import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { Finding } from '../../sdk/index.ts';
import { isLocal, isOutOfReach } from '../connection.ts';
import type { Context } from '../context.ts';
import { examine } from '../examination.ts';
import { EXIT } from '../failure.ts';

const COLORS = { ok: 'green', warning: 'yellow', lacking: 'red' } as const;

/** `thaw doctor`: what the server's machine has and lacks; fails when something is lacking. */
export function addDoctor(program: Command, context: Context): void {
  program
    .command('doctor')
    .description('examine the machine: what it has, what it lacks, and the remedy')
    .action(async () => {
      const examined = await findings(context);
      context.out.result(examined, () => show(examined.findings, context));
      if (examined.findings.some((finding) => finding.status === 'lacking')) process.exitCode = EXIT.failed;
    });
}

async function findings(context: Context): Promise<{ findings: Finding[] }> {
  const { environment, signal, out } = context;
  try {
    const { thaw } = await context.connection();
    return await thaw.host.get();
  } catch (error) {
    // No server, or one that does not know us: this machine can be looked at without it.
    if (!isOutOfReach(error) || !isLocal(environment.url)) throw error;
    out.note('No server to ask; examining this machine.');
    const program = fileURLToPath(new URL('../../doctor.ts', import.meta.url));
    return await examine(program, { env: environment.all, signal });
  }
}

function show(found: Finding[], { out }: Context): string {
  const names = Math.max(...found.map(({ name }) => name.length));
  return found
    .map(({ name, status, detail, remedy }) => {
      const line = `${out.paint(COLORS[status], status.padEnd(7))}  ${name.padEnd(names)}  ${detail}`;
      return remedy === undefined ? line : `${line}\n${' '.repeat(names + 11)}-> ${remedy}`;
    })
    .join('\n');
}
