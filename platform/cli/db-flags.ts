import { type Command, InvalidArgumentError } from 'commander';
import type { KeepAwake } from '../sdk/index.ts';

/** What every command of `thaw db` takes. */
export interface DbFlags {
  project?: string;
}

const KEEP_AWAKE: readonly string[] = ['listen', 'cron'] satisfies KeepAwake[];

export function withProject(command: Command): Command {
  return command.option('--project <name>', 'another project than the key’s or `default`');
}

export function withSleep(command: Command): Command {
  return command
    .option('--idle <seconds>', 'idle time until it sleeps; 0 = never', seconds)
    .option('--keep-awake <what>', 'listen, cron, both with a comma, or none', keepAwake);
}

/** @throws InvalidArgumentError */
export function positive(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number above 0.');
  return Number(text);
}

export function milliseconds(seconds: number): string {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds} s`;
}

function seconds(text: string): number {
  if (!/^\d{1,9}(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It has to be a number of seconds.');
  return Number(text);
}

function keepAwake(text: string): KeepAwake[] {
  if (text === 'none') return [];
  const named = text.split(',');
  if (named.some((one) => !KEEP_AWAKE.includes(one))) throw new InvalidArgumentError('It is listen, cron or none.');
  return named as KeepAwake[];
}
