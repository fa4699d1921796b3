import { Command } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { addApps } from './commands/apps.ts';
import { addCache } from './commands/cache.ts';
import { addCrons } from './commands/crons.ts';
import { addDb } from './commands/db.ts';
import { addDeploy } from './commands/deploy.ts';
import { addDoctor } from './commands/doctor.ts';
import { addDomains } from './commands/domains.ts';
import { addEnv } from './commands/env.ts';
import { addKeys } from './commands/keys.ts';
import { addLogs } from './commands/logs.ts';
import { addOpen } from './commands/open.ts';
import { addProjects } from './commands/projects.ts';
import { addPs } from './commands/ps.ts';
import { addReleases } from './commands/releases.ts';
import { addPromote, addRollback } from './commands/rollback.ts';
import { addRun } from './commands/run.ts';
import { addSandbox } from './commands/sandbox.ts';
import { addServe } from './commands/serve.ts';
import { addTemplate } from './commands/template.ts';
import { addVolume } from './commands/volume.ts';
import type { Context } from './context.ts';

const SURROUNDINGS = `
Environment:
  THAW_URL      the server's address, default http://127.0.0.1:7070
  THAW_API_KEY  the key; on the server's own machine its admin key is used without one
  NO_COLOR      no colours
  THAW_DEBUG=1  causes of failures

Exit codes: 0 done, 1 failed, 2 misused.`;

/** The whole command line. Misuse throws a CommanderError; what a command throws passes through. */
export function buildProgram(context: Context): Command {
  const program = new Command('thaw')
    .description('Functions, apps and sandboxes on microVMs that sleep as snapshots.')
    .version(manifest.version)
    .option('--json', 'print JSON')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'Error: ')) })
    .showHelpAfterError('Add --help to see how it is used.')
    .addHelpText('after', SURROUNDINGS)
    .exitOverride();
  program.hook('preAction', () => {
    context.out.json = program.opts<{ json?: boolean }>().json === true;
  });
  for (const add of [
    addServe,
    addDoctor,
    addApps,
    addDeploy,
    addReleases,
    addRollback,
    addPromote,
    addEnv,
    addDomains,
    addCrons,
    addPs,
    addLogs,
    addOpen,
    addDb,
    addSandbox,
    addRun,
    addTemplate,
    addVolume,
    addKeys,
    addProjects,
    addCache,
  ]) {
    add(program, context);
  }
  return program;
}
