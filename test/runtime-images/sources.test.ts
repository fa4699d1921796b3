import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceLines } from '../../runtime-images/debian/sources.ts';

test("a mirror's lines name the release, its updates and its security fixes, all signed by Debian", () => {
  const signed = '[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]';
  assert.deepEqual(sourceLines('bookworm', 'http://mirror.test/debian', 'http://mirror.test/security'), [
    `deb ${signed} http://mirror.test/debian bookworm main`,
    `deb ${signed} http://mirror.test/debian bookworm-updates main`,
    `deb ${signed} http://mirror.test/security bookworm-security main`,
  ]);
});
