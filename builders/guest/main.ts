/*
 * Builds apps inside a builder VM:
 *
 *   node build.mjs <port> <module path of esbuild>
 *
 *   POST / {"do": "inspect" | "install" | "build", ...}   -> 200, lines; orders and lines are drawn in say.ts
 *
 * The VM is frozen when this program listens and the bundler has run once, so that neither has to be started for a push;
 * and again after an install, from where later builds with the same manifests go on.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { ThawError } from '../../platform/errors.ts';
import { SETTINGS_FILE } from '../settings/read.ts';
import { limitIn } from './limits.ts';
import type { Esbuild } from './project.ts';
import { type Asked, Failed, type Line } from './say.ts';
import { shown } from './shown.ts';
import { Work } from './work.ts';

const [, , port = '', bundler = ''] = process.argv;
const esbuild: Esbuild = await import(pathToFileURL(bundler).href);
const work = new Work(esbuild);
await rehearse();

createServer(async (request, response) => {
  const send = (line: Line) => void response.write(`${JSON.stringify(line)}\n`);
  const gone = new AbortController();
  response.once('close', () => gone.abort()); // Whoever ordered it has gone, or has been answered.
  let tell = shown(send, []);
  try {
    const { mask, ...order } = await orderOf(request);
    tell = shown(send, mask);
    response.writeHead(200).flushHeaders();
    tell(await work.carryOut(order, tell, gone.signal));
  } catch (caught) {
    tell({ failed: failureOf(caught) });
  }
  response.end();
}).listen(Number(port), '0.0.0.0');

async function orderOf(request: IncomingMessage): Promise<Asked> {
  return (await json(request)) as Asked;
}

function failureOf(caught: unknown): { message: string; hint?: string | undefined; output: string[] } {
  if (caught instanceof Failed) return { message: caught.message, hint: caught.hint, output: caught.output };
  if (caught instanceof ThawError) {
    const [message = '', ...output] = caught.message.split('\n');
    return { message, hint: caught.hint, output };
  }
  const text = caught instanceof Error ? caught.message : String(caught);
  return { message: limitIn([text]) ?? `The build broke: ${text}`, output: [] };
}

/** Builds something small: what the next build needs is then in memory, compiled and running. */
async function rehearse(): Promise<void> {
  const tree = await mkdtemp(join(tmpdir(), 'rehearsal-'));
  await writeFile(
    join(tree, 'index.ts'),
    "import { name } from './package.json';\nexport default (): string => name;\n",
  );
  await writeFile(join(tree, 'package.json'), '{"name":"rehearsal"}');
  await writeFile(join(tree, SETTINGS_FILE), 'memory = "256MB"\n');
  const rehearsal = new Work(esbuild);
  const quiet = () => {};
  const { signal } = new AbortController();
  await rehearsal.carryOut({ do: 'inspect', tree, runtimeRoot: '/app', env: {} }, quiet, signal);
  await rehearsal.carryOut({ do: 'build' }, quiet, signal);
  await rm(tree, { recursive: true });
}
