import { access, readFile } from 'node:fs/promises';
import { run } from '../run.ts';

/** Signs every Debian archive; package `debian-archive-keyring`, which Ubuntu has too. */
export const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Where Debian packages come from. */
export interface DebianSources {
  /** `sources.list` lines; empty for the bootstrapper's own default mirror. */
  lines: string[];
  /** apt settings of the host that say how to reach a mirror, e.g. through a proxy. */
  options: string[];
}

/**
 * Follows the host: on Debian its own mirror, whatever its release is; on another
 * distribution the default one. Its proxy and certificate settings hold on both.
 *
 * @param suite Debian release that is installed into the images
 */
export async function debianSources(suite: string, signal: AbortSignal): Promise<DebianSources> {
  const options = (await run('apt-config', ['dump'], { signal }))
    .split('\n')
    .filter((line) => /^Acquire::(https?|Retries|Check-|ForceIPv)/i.test(line) && !line.endsWith('"";'));
  return { lines: await hostMirror(suite, signal), options };
}

async function hostMirror(suite: string, signal: AbortSignal): Promise<string[]> {
  const release = parseOsRelease(await readFile('/etc/os-release', 'utf8').catch(() => ''));
  const codename = release.get('VERSION_CODENAME');
  if (release.get('ID') !== 'debian' || codename === undefined) return [];
  const format = ['--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)', 'Created-By: Packages'];
  const targets = (await run('apt-get', ['indextargets', ...format], { signal }))
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , component]) => component === 'main');
  const uri = (of: string) => targets.find(([, name]) => name === of)?.[0];

  const main = uri(codename) ?? uri('stable') ?? uri('testing');
  if (main === undefined) return [];
  const security = uri(`${codename}-security`) ?? uri('stable-security');
  return sourceLines(suite, main, security);
}

/** A release's main archive, its updates and its security fixes as `sources.list` lines. */
export function sourceLines(suite: string, main: string, security: string | undefined): string[] {
  const line = (uri: string, name: string) => `deb [signed-by=${DEBIAN_KEYRING}] ${uri} ${name} main`;
  return [
    line(main, suite),
    line(main, `${suite}-updates`),
    ...(security === undefined ? [] : [line(security, `${suite}-security`)]),
  ];
}

/** True when Debian's keys are on this machine. */
export async function hasDebianKeyring(): Promise<boolean> {
  return access(DEBIAN_KEYRING).then(
    () => true,
    () => false,
  );
}

function parseOsRelease(text: string): Map<string, string> {
  const pairs = text.split('\n').map((line) => /^(\w+)="?(.*?)"?$/.exec(line));
  return new Map(pairs.flatMap((pair) => (pair ? [[pair[1] ?? '', pair[2] ?? '']] : [])));
}
