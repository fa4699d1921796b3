import { ThawError } from '../../platform/errors.ts';
import { run } from '../run.ts';
import { DEBIAN_KEYRING, debianSources, hasDebianKeyring } from './sources.ts';

/** Debian release of the guests' kernel, and of every image that names no other, whatever the host runs. */
export const SUITE = 'bookworm';

/** Time stamp of everything in an image, so that equal definitions give equal bytes: the suite's release, 2023-06-10. */
export const SOURCE_DATE_EPOCH = '1686355200';

export interface Bootstrap {
  /** Debian release; default `SUITE`. */
  suite?: string;
  /**
   * `minbase`: an installed system with apt.
   * `extract`: packages only unpacked, not configured; for taking files out of them.
   */
  variant: 'minbase' | 'extract';
  packages: readonly string[];
  /** Commands for a shell, run at the end with the new root as `$1`. */
  hooks?: readonly string[];
  /** Path of what is made. */
  target: string;
  format: 'directory' | 'tar';
  signal: AbortSignal;
}

/** What nobody reads in a guest. Licences stay, as they have to. */
const LEFT_OUT = ['/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*', '/usr/share/doc/*'];
const LEFT_IN = ['/usr/share/doc/*/copyright'];

/**
 * Installs Debian packages into a new root.
 *
 * @throws ThawError `misconfigured` without Debian's keys, `internal` with apt's words when it fails
 */
export async function bootstrap({
  suite = SUITE,
  variant,
  packages,
  hooks = [],
  target,
  format,
  signal,
}: Bootstrap): Promise<void> {
  if (!(await hasDebianKeyring())) {
    throw new ThawError('misconfigured', "Debian's archive keys are not on this machine.", {
      hint: 'Install the package debian-archive-keyring.',
    });
  }
  const { lines, options } = await debianSources(suite, signal);
  const args = [
    '--mode=root',
    '--quiet',
    `--variant=${variant}`,
    `--format=${format}`,
    '--architectures=amd64',
    // Named here, so that it need not be one that the host's apt trusts.
    `--keyring=${DEBIAN_KEYRING}`,
    '--skip=check/signed-by',
    `--include=${packages.join(',')}`,
    ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...LEFT_IN.map((path) => `--dpkgopt=path-include=${path}`),
    ...options.map((option) => `--aptopt=${option}`),
    // The host's apt settings were for installing; a guest reaches its mirror in its own way.
    '--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"',
    ...hooks.map((hook) => `--customize-hook=${hook}`),
    suite,
    target,
    ...lines,
  ];
  // It unpacks several hundred MB, for which /tmp may be too small where it is memory.
  await run('mmdebstrap', args, { signal, env: { SOURCE_DATE_EPOCH, TMPDIR: '/var/tmp' } });
}
