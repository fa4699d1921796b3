import type { Command } from 'commander';
import { type Release, ThawApiError } from '../../sdk/index.ts';
import type { Context } from '../context.ts';

const DEPLOYMENT = /^d[a-z0-9]{11}$/;

/** `thaw rollback <app> [release]`; `thaw releases rollback` is the same. */
export function addRollback(program: Command, context: Context): void {
  program
    .command('rollback')
    .argument('<app>')
    .argument('[release]', 'number of a release, or a deployment; default: the release before the current one')
    .description('put an earlier deployment in front again; nothing is built')
    .option('--branch <name>', 'branch', 'main')
    .action(async (app: string, to: string | undefined, { branch }: { branch: string }) => {
      const target = to === undefined ? undefined : parse(to);
      const { thaw } = await context.connection();
      tellRelease(context, await thaw.releases.rollback(app, target, { branch }));
    });
}

/** `thaw promote <app> <branch|deployment>`. */
export function addPromote(program: Command, context: Context): void {
  program
    .command('promote')
    .argument('<app>')
    .argument('<branch|deployment>', 'a branch that has a preview, or a deployment')
    .description('put a preview in front of the app itself; nothing is built')
    .action(async (app: string, what: string) => {
      const { thaw } = await context.connection();
      const chosen = DEPLOYMENT.test(what) ? { deployment: what } : { branch: what };
      tellRelease(context, await thaw.releases.promote(app, chosen));
    });
}

function parse(to: string): number | string {
  if (DEPLOYMENT.test(to)) return to;
  if (/^v?[1-9]\d{0,8}$/.test(to)) return Number(to.replace('v', ''));
  throw new ThawApiError('invalid_input', `"${to}" is neither the number of a release nor a deployment.`, {
    hint: '"thaw releases <app>" lists both.',
  });
}

function tellRelease({ out }: Context, release: Release): void {
  out.result({ release }, () => `Release ${release.number} of ${release.app}: ${release.deployment}.`);
}
