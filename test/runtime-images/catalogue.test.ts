import assert from 'node:assert/strict';
import { open, stat } from 'node:fs/promises';
import { test } from 'node:test';
import { readConfig } from '../../platform/config.ts';
import { ThawError } from '../../platform/errors.ts';
import { buildImages } from '../../runtime-images/build.ts';
import { type Catalogue, readCatalogue } from '../../runtime-images/catalogue.ts';
import { IMAGE_NAMES } from '../../runtime-images/images.ts';
import { NEVER, scratch } from './scratch.ts';

const imagesDir = readConfig().images;

/** The images that `npm run setup` has built; the tests that need them are skipped before that. */
const built: Catalogue | undefined = await readCatalogue(imagesDir).catch(() => undefined);
const skip = built ? false : 'the runtime images are not built; run npm run setup';

test('a directory without images says what to do', async () => {
  await using dir = await scratch();
  await assert.rejects(readCatalogue(dir.path), (error) => {
    assert.ok(error instanceof ThawError);
    assert.equal(error.code, 'misconfigured');
    assert.match(error.hint ?? '', /npm run setup/);
    return true;
  });
});

test('building what is there already does nothing', { skip }, async () => {
  const steps: string[] = [];
  const again = await buildImages({ imagesDir, signal: NEVER, progress: (text) => steps.push(text) });
  assert.deepEqual(again, built);
  assert.deepEqual(steps, []);
});

test('the kernel is an ELF file that can be booted directly', { skip }, async () => {
  await using file = await open(built?.kernel.path ?? '');
  const bytes = await file.readFile();
  assert.equal(bytes.toString('latin1', 0, 4), '\x7fELF');
  // The PVH entry note: name size 4, descriptor size, type 18 (XEN_ELFNOTE_PHYS32_ENTRY), "Xen".
  const type = bytes.indexOf(Buffer.from('12000000' + '58656e00', 'hex'));
  assert.ok(type > 0, 'has a PVH entry point');
  assert.equal(bytes.readUInt32LE(type - 8), 4);
});

test('every image is a sparse disk that nobody may write to', { skip }, async () => {
  for (const name of IMAGE_NAMES) {
    const { path = '', sizeBytes } = built?.images[name] ?? {};
    const { size, blocks, mode } = await stat(path);
    assert.equal(size, sizeBytes);
    assert.ok(blocks * 512 < size / 4);
    assert.equal(mode & 0o222, 0);
  }
});
