import { readdirSync, readFileSync } from 'node:fs';
import type { ImageDefinition, ImageFile } from '../definition.ts';
import { python } from '../python/image.ts';

const SERVICE = new URL('service/', import.meta.url);
/** Where the service lies in the image. */
const PLACE = '/usr/local/lib/thaw/code-interpreter';
/** On which the service answers; the one that clients of E2B ask. */
const PORT = 49999;

const PACKAGES = '/usr/lib/python3/dist-packages';

/** Runs code in Python kernels that are kept between calls. */
export const codeInterpreter: ImageDefinition = {
  name: 'code-interpreter',
  parent: python,
  debian: [
    ...['python3-ipykernel', 'python3-numpy', 'python3-pandas', 'python3-matplotlib'],
    // What matplotlib needs of fonttools is satisfied by this, or by SciPy with a C++ compiler and Boost: 400 MB.
    'python3-munkres',
    // NumPy multiplies matrices some twenty times faster with it than with Debian's plain one.
    'libopenblas0-pthread',
  ],
  leftOut: [
    // Tests that packages bring of themselves.
    `${PACKAGES}/*/tests`,
    `${PACKAGES}/*/*/tests`,
    // A table of 50 MB that is loaded by name alone.
    `${PACKAGES}/sympy/integrals/rubi`,
    // Data files of Unicode, for which fonttools has its own; scripts of matplotlib's web backend.
    '/usr/share/unicode',
    '/usr/share/javascript',
  ],
  npm: [],
  addons: [],
  files: readdirSync(SERVICE)
    .filter((name) => name.endsWith('.py'))
    .sort()
    .map(file),
  // Where clients of E2B have their files.
  links: [{ path: '/home/user', target: '../app' }],
  warm: python.warm,
  service: { argv: ['python3', `${PLACE}/main.py`, String(PORT)], env: {}, port: PORT },
  diskBytes: python.diskBytes,
};

function file(name: string): ImageFile {
  return { path: `${PLACE}/${name}`, text: readFileSync(new URL(name, SERVICE), 'utf8') };
}
