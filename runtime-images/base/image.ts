import type { ImageDefinition } from '../definition.ts';

const GIB = 1024 ** 3;

/** Address of the guest's gateway, where a DNS relay and the databases listen; the same in every VM. */
const GATEWAY = '172.16.0.1';

/** Reads what every command of a sandbox begins with: a login shell, and the programs that its profile calls. */
const SHELL = [['/bin/bash', '-l', '-c', 'true; command -v ls; ls / | cat']] as const;

/** What every guest has: Debian's minimal set, an init that reaps orphans, certificates, time zones. */
export const base: ImageDefinition = {
  name: 'base',
  // libstdc++ and libatomic are what Node links; having them here lets both images come from one Debian root.
  debian: ['tini', 'ca-certificates', 'tzdata', 'libstdc++6', 'libatomic1'],
  npm: [],
  addons: [],
  files: [
    { path: '/etc/resolv.conf', text: `nameserver ${GATEWAY}\noptions timeout:2 attempts:2\n` },
    { path: '/etc/hosts', text: `127.0.0.1 localhost\n${GATEWAY} postgres.internal\n` },
    // Both are replaced in memory after each thaw; an empty machine id means "not yet known".
    { path: '/etc/hostname', text: 'thaw\n' },
    { path: '/etc/machine-id', text: '' },
  ],
  links: [],
  warm: SHELL,
  diskBytes: 4 * GIB,
};
