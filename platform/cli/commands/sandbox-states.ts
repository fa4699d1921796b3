import type { Command } from 'commander';
import type { SandboxInfo } from '../../sdk/index.ts';
import type { Context } from '../context.ts';
import { number, ttl } from '../sandbox-flags.ts';
import { clock } from '../time.ts';

/** `thaw sandbox`: fork, snapshot, pause, resume, timeout, egress, logs, kill. */
export function addSandboxStates(sandbox: Command, context: Context): void {
  const { out } = context;
  const get = async (id: string) => (await context.connection()).thaw.sandboxes.get(id);

  sandbox
    .command('fork')
    .argument('<id>')
    .description('copy a sandbox, disk and memory, running processes included')
    .option('--count <number>', 'how often; default 1', number)
    .action(async (id: string, { count }: { count?: number }) => {
      const made = await (await get(id)).fork(count ?? 1);
      out.result({ sandboxes: made.map(({ info }) => info) }, () => made.map((one) => one.id).join('\n'));
    });

  sandbox
    .command('snapshot')
    .argument('<id>')
    .argument('<name>', 'name of the template')
    .description('copy a sandbox into the next version of a template; it goes on')
    .action(async (id: string, name: string) => {
      const template = await (await get(id)).snapshot(name);
      out.result({ template }, () => `${template.name}:${template.version}`);
    });

  sandbox
    .command('pause')
    .argument('<id>')
    .description('freeze a sandbox with its memory and processes; using it lets it go on')
    .action(async (id: string) => {
      const info = await (await get(id)).pause();
      out.result({ sandbox: info }, () => `${id} is paused.`);
    });

  sandbox
    .command('resume')
    .argument('<id>')
    .description('let a paused sandbox go on, with its whole time again')
    .action(async (id: string) => {
      const info = await (await get(id)).resume();
      out.result({ sandbox: info }, () => `${id} runs.`);
    });

  sandbox
    .command('timeout')
    .argument('<id>')
    .argument('<time>', '90s, 15m, 2h', ttl)
    .description('set how long a sandbox lives from now on')
    .action(async (id: string, seconds: number) => {
      const info = await (await get(id)).setTimeout(seconds);
      out.result({ sandbox: info }, () => `${id} lives until ${info.endsAt ?? 'it has been resumed for so long'}.`);
    });

  sandbox
    .command('egress')
    .argument('<id>')
    .argument('[rules...]', 'host names, *.example.com, addresses, registries, github, open; none = nothing')
    .description('change what a sandbox may reach, while it runs')
    .action(async (id: string, rules: string[]) => {
      const info = await (await get(id)).setEgress(rules);
      out.result({ sandbox: info }, () => `${id} may reach ${info.egress.allow.join(', ') || 'nothing'}.`);
    });

  sandbox
    .command('logs')
    .argument('<id>')
    .description('show what happened to a sandbox: each connection that it may not have')
    .option('-f, --follow', 'go on with what comes from now on')
    .action(async (id: string, { follow }: { follow?: boolean }) => {
      const { signal } = context;
      try {
        for await (const line of (await get(id)).logs({ follow: follow === true, signal })) {
          out.item(line, () => `${clock(line.time)}  ${out.foreign(line.line)}`);
        }
      } catch (error) {
        if (follow !== true || !signal.aborted) throw error;
      }
    });

  sandbox
    .command('kill')
    .argument('<ids...>')
    .description('end sandboxes')
    .action(async (ids: string[]) => {
      const ended: SandboxInfo[] = [];
      for (const id of ids) ended.push(await (await get(id)).kill());
      out.result({ sandboxes: ended }, () => ended.map((info) => `${info.id} ended (${info.endReason}).`).join('\n'));
    });
}
