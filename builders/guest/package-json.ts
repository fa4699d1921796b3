import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failed } from './say.ts';

/** What is read of a package.json. Everything in it is somebody else's: any member may have any type. */
export type PackageJson = Record<string, unknown>;

/** @returns undefined when there is none */
export async function readPackageJson(root: string): Promise<PackageJson | undefined> {
  const text = await readFile(join(root, 'package.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    throw new Failed(`package.json is not valid JSON: ${(error as Error).message}`);
  }
  if (!isRecord(value)) throw new Failed('package.json holds no JSON object.');
  return value;
}

/** Names of the packages in one of its members, e.g. `dependencies`. */
export function packageNames(from: PackageJson | undefined, member: string): string[] {
  const value = from?.[member];
  return isRecord(value) ? Object.keys(value) : [];
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
