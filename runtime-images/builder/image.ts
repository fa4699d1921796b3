import type { ImageDefinition } from '../definition.ts';
import { node } from '../node/image.ts';
import { lockedPackage } from '../npm/locked.ts';

const MODULES = '/usr/local/lib/node_modules';

/** Installs dependencies and bundles code: tenants' source is touched in VMs of this image and nowhere else. */
export const builder: ImageDefinition = {
  name: 'builder',
  parent: node,
  // Python's packages are mostly built already; a compiler is for the others.
  debian: ['git', 'python3', 'python3-venv', 'python3-pip', 'python3-dev', 'gcc', 'libc6-dev', 'make'],
  go: { version: '1.27.4', sum: 'h1:8Tl0rBb7KdISSdPkZBjlpZxsUBb+004GI/SM2XbmSqI=' },
  npm: [
    {
      // Carries its own dependencies inside.
      name: 'npm',
      version: '12.2.0',
      integrity: 'sha512-ZsJjKpTnlmSXOLLXiU1xDCzC4Wlok4IwZmh/aw2KUuXytU7q6qMv/cUT7MoeSf95Slwuw/lRXYefGzGCspHPNQ==',
      copy: [{ from: '.', to: `${MODULES}/npm` }],
    },
    { name: 'esbuild', ...lockedPackage('esbuild'), copy: [{ from: '.', to: `${MODULES}/esbuild` }] },
    {
      name: '@esbuild/linux-x64',
      ...lockedPackage('@esbuild/linux-x64'),
      copy: [{ from: '.', to: `${MODULES}/@esbuild/linux-x64` }],
    },
  ],
  addons: [],
  files: [],
  links: [
    { path: '/usr/local/bin/go', target: '../go/bin/go' },
    { path: '/usr/local/bin/python', target: '../../bin/python3' },
    { path: '/usr/local/bin/npm', target: '../lib/node_modules/npm/bin/npm-cli.js' },
    { path: '/usr/local/bin/npx', target: '../lib/node_modules/npm/bin/npx-cli.js' },
    // The program itself: the package's own script would start Node to start it.
    { path: '/usr/local/bin/esbuild', target: '../lib/node_modules/@esbuild/linux-x64/bin/esbuild' },
  ],
  warm: [
    ...node.warm,
    ['npm', '--version'],
    ['esbuild', '--version'],
    ['git', '--version'],
    ['python3', '-m', 'pip', '--version'],
    ['go', 'version'],
  ],
  diskBytes: 8 * 1024 ** 3,
};
