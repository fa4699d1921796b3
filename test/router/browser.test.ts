import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ThawError } from '../../platform/errors.ts';
import { hasChromium, render } from '../fixtures/chromium.ts';
import { openStand } from './stand.ts';

const options = { skip: !hasChromium && 'Chromium is not installed' };
const text = (dom: string, element: string) => new RegExp(`<${element}[^>]*>([^<]*)</${element}>`).exec(dom)?.[1];

test('a browser shows the page of an app that is not there', options, async () => {
  await using stand = await openStand({ app: () => (_req, res) => res.end() });
  const picture = join(tmpdir(), `thaw-page-${process.pid}.png`);
  try {
    const page = await render(`http://nobody.localhost:${stand.port}/`, picture);
    assert.equal(text(page.dom, 'title'), '404 No such app');
    assert.equal(text(page.dom, 'h1'), 'No such app');
    assert.match(page.dom, /There is no app at nobody\.localhost\./);
    assert.equal(page.console, '', 'the content security policy lets the page have its own style');
    assert.ok((await readFile(picture)).byteLength > 5000, 'something was painted');
  } finally {
    await rm(picture, { force: true });
  }
});

test('markup in an error stays text in a browser', options, async () => {
  await using stand = await openStand({
    app: () => (_req, res) => res.end(),
    beforeThaw: async () => {
      throw new ThawError('thaw_failed', '<script>document.title = "run"</script>', {
        hint: '<img src=x onerror=alert(1)>',
      });
    },
  });
  const page = await render(`http://shop.localhost:${stand.port}/`);
  assert.equal(text(page.dom, 'title'), '503 The app did not start');
  assert.doesNotMatch(page.dom, /<script|<img/);
  assert.match(page.dom, /&lt;script&gt;/);
});
