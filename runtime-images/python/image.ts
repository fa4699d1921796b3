import { readFileSync } from 'node:fs';
import { base } from '../base/image.ts';
import type { ImageDefinition, ImageFile } from '../definition.ts';

/** Where Python finds what renews it after a thaw; on `PYTHONPATH`. */
const RENEWAL = '/usr/local/lib/thaw/python';

const file = (name: string, as: string): ImageFile => ({
  path: `${RENEWAL}/${as}`,
  text: readFileSync(new URL(name, import.meta.url), 'utf8'),
});

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
  files: [file('thaw_renew.py', 'sitecustomize.py'), file('thaw.py', 'thaw.py')],
  links: [],
  warm: [['python3', '-c', TOUCH]],
  diskBytes: base.diskBytes,
};
