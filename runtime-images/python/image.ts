import { readFileSync } from 'node:fs';
import { base } from '../base/image.ts';
import type { ImageDefinition, ImageFile } from '../definition.ts';

/** Where Python finds what renews it after a thaw; the first entry of `PYTHONPATH`. */
const MODULES = '/usr/local/lib/thaw/python';

/** Reads the parts of Python that a server needs. */
const TOUCH =
  'import asyncio, concurrent.futures, email, http.server, json, logging, random, sqlite3, ssl, urllib.request, uuid';

/** Runs Python. */
export const python: ImageDefinition = {
  name: 'python',
  parent: base,
  debian: ['python3', 'python3-venv'],
  npm: [],
  addons: [],
  files: [
    file('modules/_thaw_renewal.py', `${MODULES}/_thaw_renewal.py`),
    file('modules/sitecustomize.py', `${MODULES}/sitecustomize.py`),
    file('modules/thaw.py', `${MODULES}/thaw.py`),
    // Debian's own holds a comment alone; every virtual environment reads it too.
    file('fallback.py', '/etc/python3.11/sitecustomize.py'),
  ],
  links: [{ path: '/usr/local/bin/python', target: '../../bin/python3' }],
  warm: [...base.warm, ['python3', '-c', TOUCH]],
  diskBytes: base.diskBytes,
};

function file(name: string, path: string): ImageFile {
  return { path, text: readFileSync(new URL(name, import.meta.url), 'utf8') };
}
