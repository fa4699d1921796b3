import { type Command, InvalidArgumentError } from 'commander';
import { ThawApiError, type VolumeMount } from '../sdk/index.ts';
import { assignments, collect } from './assignments.ts';
import { seconds } from './time.ts';

/** What `create` and `run` take. */
export interface CreateFlags {
  template: string;
  ttl?: number;
  memory?: number;
  cpus?: number;
  env: string[];
  meta: string[];
  allow: string[];
  public?: boolean;
  volume: string[];
  autoPause?: boolean;
  project?: string;
}

/** The options of what makes a sandbox. */
export function withCreateFlags(command: Command): Command {
  return command
    .description('make a sandbox; its id is the only line on standard output')
    .option('--template <name>', 'base, node, python, or one of your own: name or name:version', 'base')
    .option('--ttl <time>', 'how long it lives: 90s, 15m, 2h; default 5m', ttl)
    .option('--memory <MiB>', 'default 512', number)
    .option('--cpus <count>', 'parts of one are possible; default 1', number)
    .option('--env <name=value>', 'for every command; may be repeated', collect, [])
    .option('--meta <name=value>', 'to find it by; may be repeated', collect, [])
    .option('--allow <rule>', 'what it may reach: a host name, or open; may be repeated', collect, [])
    .option('--volume <name:/path>', 'a volume and where it is mounted; may be repeated', collect, [])
    .option('--public', 'anyone may reach its ports')
    .option('--auto-pause', 'paused at the end of its time, not killed')
    .option('--project <name>', 'project that it belongs to');
}

export function request(flags: CreateFlags) {
  return {
    template: flags.template,
    ttlSeconds: flags.ttl,
    memoryMiB: flags.memory,
    cpus: flags.cpus,
    environment: assignments('--env', flags.env),
    metadata: assignments('--meta', flags.meta),
    egress: { allow: flags.allow },
    volumes: flags.volume.length === 0 ? undefined : flags.volume.map(mount),
    ports: flags.public === true ? ('public' as const) : undefined,
    autoPause: flags.autoPause,
    project: flags.project,
  };
}

/** @throws ThawApiError for what is no volume and path */
function mount(text: string): VolumeMount {
  const colon = text.indexOf(':');
  if (colon > 0 && text[colon + 1] === '/') return { volume: text.slice(0, colon), path: text.slice(colon + 1) };
  throw new ThawApiError('invalid_input', `"${text}" is no volume and path.`, { hint: 'Write --volume data:/data.' });
}

/** A time as people write it, in seconds. */
export function ttl(text: string): number {
  const found = seconds(text);
  if (found === undefined) throw new InvalidArgumentError('Write 90s, 15m or 2h.');
  return found;
}

export function number(text: string): number {
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError('It must be a number.');
  return Number(text);
}
