/*
 * Builds functions inside a builder VM:
 *
 *   node build.mjs <port> <module path of esbuild>
 *
 *   POST / {"tree", "runtimeRoot", "env"}   -> 200, lines as in say.ts
 *
 * `env` is added to the environment of the tools that the build runs. One VM builds one tree; it is frozen when this
 * program listens and the bundler has run once, so that neither has to be started for a push.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { type BuildOptions, build } from './build.ts';
import { Failed, type Line } from './say.ts';

interface Order {
  tree: string;
  runtimeRoot: string;
  env: Record<string, string>;
}

const [, , port = '', bundler = ''] = process.argv;
const esbuild: BuildOptions['esbuild'] = await import(pathToFileURL(bundler).href);
await rehearse();

createServer(async (request, response) => {
  const tell = (line: Line) => void response.write(`${JSON.stringify(line)}\n`);
  try {
    const { tree, runtimeRoot, env } = await orderOf(request);
    Object.assign(process.env, env);
    response.writeHead(200).flushHeaders();
    tell({ built: await build({ tree, runtimeRoot, esbuild, tell }) });
  } catch (caught) {
    const text = caught instanceof Error ? caught.message : String(caught);
    const { message, hint, output } = caught instanceof Failed ? caught : new Failed(`The build broke: ${text}`);
    tell({ failed: { message, hint, output } });
  }
  response.end();
}).listen(Number(port), '0.0.0.0');

async function orderOf(request: IncomingMessage): Promise<Order> {
  return (await json(request)) as Order;
}

/** Builds something small: what the next build needs is then in memory, compiled and running. */
async function rehearse(): Promise<void> {
  const tree = await mkdtemp(join(tmpdir(), 'rehearsal-'));
  await writeFile(
    join(tree, 'index.ts'),
    "import { name } from './package.json';\nexport default (): string => name;\n",
  );
  await writeFile(join(tree, 'package.json'), '{"name":"rehearsal"}');
  await build({ tree, runtimeRoot: '/app', esbuild, tell: () => {} });
  await rm(tree, { recursive: true });
}
