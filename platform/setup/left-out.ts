import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { say } from './say.ts';

/**
 * `node platform/setup/left-out.ts`: names the packages with programs for this machine that npm left out. It judges
 * optional packages by the Node that it runs on itself, which may be older than ours, and says nothing.
 */
interface Locked {
  version: string;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
}

const root = new URL('../../', import.meta.url);
const { packages } = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8')) as {
  packages: Record<string, Locked>;
};
for (const [path, { version, optional, os, cpu, libc = ['glibc'] }] of Object.entries(packages)) {
  const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1];
  const ours = os?.includes(process.platform) && cpu?.includes(process.arch) && libc.includes('glibc');
  const there = existsSync(fileURLToPath(new URL(path, root)));
  if (name !== undefined && optional === true && ours && !there) say(`${name}@${version}`);
}
