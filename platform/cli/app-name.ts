import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ThawApiError } from '../sdk/index.ts';

/** Longest name of an app. */
const LONGEST = 40;

/**
 * The name that a directory's app gets when none is given: that of its
 * package.json without the scope, else that of the directory.
 *
 * @throws ThawApiError `invalid_input` when nothing in it can be a host name
 */
export async function defaultAppName(directory: string): Promise<string> {
  const name = slug((await packageName(directory)) ?? '') || slug(basename(directory));
  if (name !== '') return name;
  throw new ThawApiError('invalid_input', `"${basename(directory)}" cannot be made into the name of an app.`, {
    hint: 'Name the app with --app.',
  });
}

/** Text as an app's name: lower-case letters, digits and single hyphens, with a letter in front of digits and a hyphen. */
export function slug(text: string): string {
  const plain = text
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const named = /^\d+-/.test(plain) ? `app-${plain}` : plain;
  return named.slice(0, LONGEST).replace(/-$/, '');
}

async function packageName(directory: string): Promise<string | undefined> {
  try {
    const { name } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as { name?: unknown };
    return typeof name === 'string' ? name.replace(/^@[^/]*\//, '') : undefined;
  } catch {
    // No package.json, or one that the build will complain about better.
    return undefined;
  }
}
