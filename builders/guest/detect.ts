import { readdir } from 'node:fs/promises';
import { configured } from '../sources/configured.ts';
import { functionSource } from '../sources/function.ts';
import { goSource } from '../sources/go.ts';
import { nodeWeb } from '../sources/node-web.ts';
import { procfile } from '../sources/procfile.ts';
import { python } from '../sources/python.ts';
import { staticSite } from '../sources/static.ts';
import type { Detector, Project, Source } from './project.ts';
import { Failed } from './say.ts';

/** What is looked for, in order. */
const KINDS: readonly Detector[] = [configured, procfile, functionSource, nodeWeb, python, goSource, staticSite];

/** @throws Failed that says what was looked for when the tree is none of them */
export async function detect(project: Project): Promise<Source> {
  for (const kind of KINDS) {
    const source = await kind(project);
    if (source !== undefined) return source;
  }
  const there = await readdir(project.root);
  if (there.length === 0) throw new Failed('The commit holds no files.');
  if (there.includes('Dockerfile')) {
    throw new Failed(
      'There is a Dockerfile and nothing else that can be built; Thaw does not build from Dockerfiles yet.',
      {
        hint: 'Add a thaw.toml with `runtime` and `start`, or a Procfile.',
      },
    );
  }
  throw new Failed(
    'Nothing was found that can be run: no `start` in thaw.toml, no Procfile, no index.ts or index.js that exports a request ' +
      'handler, no package.json with a main, exports or a start script, no requirements.txt or pyproject.toml, no go.mod, and no index.html.',
    {
      hint: 'The smallest app is an index.ts with: export default { fetch(request) { return new Response("hello") } }',
    },
  );
}
