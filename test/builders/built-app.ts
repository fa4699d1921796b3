import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Built } from '../../builders/guest/say.ts';
import { freePort } from './running-program.ts';

/** Starts a built web app as it is started in a VM, asks it once and ends it. */
export async function answerOf({ argv = [], env }: Built, cwd: string): Promise<string> {
  const [file = '', ...rest] = argv;
  const port = await freePort();
  const child = spawn(file, rest, {
    cwd,
    env: { PATH: process.env.PATH, ...env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const closed = once(child, 'close');
  const errors = text(child.stderr);
  try {
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
      if (answer !== undefined) return await answer.text();
      if (child.exitCode !== null) throw new Error(`it ended: ${await errors}`);
      await sleep(20);
    }
  } finally {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await closed;
  }
}
