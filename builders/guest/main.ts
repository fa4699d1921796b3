/*
 * Builds apps inside a builder VM:
 *
 *   node build.mjs <port> <module path of esbuild>
 *
 *   POST / {"do": "inspect" | "install" | "build", ...}   -> 200, lines; orders and lines are in say.ts
 *
 * The VM is frozen when this program listens and the bundler has run once, so that neither has to be started for a push;
 * and again after an install, from where later builds with the same manifests go on.
 */
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { ThawError } from '../../platform/errors.ts';
import { readSettings, SETTINGS_FILE } from '../settings/read.ts';
import type { Settings } from '../settings/schema.ts';
import { endAll } from './command.ts';
import { detect } from './detect.ts';
import { refuseLinksOut } from './inside.ts';
import { takeOver } from './installed.ts';
import { readPackageJson } from './package-json.ts';
import { type Esbuild, hashOf, type Project, type Source } from './project.ts';
import { type Built, Failed, type Line, type Order, type Plan, type Tell } from './say.ts';

const [, , port = '', bundler = ''] = process.argv;
const esbuild: Esbuild = await import(pathToFileURL(bundler).href);
let work: { project: Project; source: Source } | undefined;
await rehearse();

createServer(async (request, response) => {
  const tell = (line: Line) => void response.write(`${JSON.stringify(line)}\n`);
  response.once('close', () => {
    if (!response.writableFinished) endAll(); // Whoever ordered it has gone.
  });
  try {
    const order = await orderOf(request);
    response.writeHead(200).flushHeaders();
    tell(await carryOut(order, tell));
  } catch (caught) {
    tell({ failed: failureOf(caught) });
  }
  response.end();
}).listen(Number(port), '0.0.0.0');

async function orderOf(request: IncomingMessage): Promise<Order> {
  return (await json(request)) as Order;
}

async function carryOut(order: Order, tell: Tell): Promise<Line> {
  if (order.do === 'inspect') return { plan: await inspect(order, tell) };
  if (work === undefined) throw new Failed('There is no tree to work on.');
  const { project, source } = work;
  if (order.do === 'install') {
    await source.install?.run({ ...project, tell });
    return { installed: true };
  }
  return { built: await build({ ...project, tell }, source, order.installedIn) };
}

async function inspect({ tree, runtimeRoot, env }: Order & { do: 'inspect' }, tell: Tell): Promise<Plan> {
  const root = await realpath(tree);
  await refuseLinksOut(root);
  const settings = await settingsOf(root);
  const packageJson = await readPackageJson(root);
  const project: Project = { root, runtimeRoot, settings, packageJson, env, esbuild, tell };
  const source = await detect(project);
  work = { project, source };
  const { detected, install } = source;
  const plan: Plan = { detected, settings };
  if (install === undefined) return plan;
  const { command, key } = install;
  // Install scripts may read the environment, so another one makes another outcome.
  const whole = key === undefined ? undefined : await hashOf(root, [], command, key, JSON.stringify(env));
  return { ...plan, install: { command, ...(whole === undefined ? {} : { key: whole }) } };
}

async function build(project: Project, source: Source, installedIn: string | undefined): Promise<Built> {
  let { root } = project;
  if (installedIn !== undefined) {
    const place = await realpath(installedIn);
    await takeOver(place, root);
    root = place;
  }
  const built = await source.build({ ...project, root });
  await rm(join(root, '.git'), { recursive: true, force: true });
  return built;
}

async function settingsOf(root: string): Promise<Settings> {
  const text = await readFile(join(root, SETTINGS_FILE), 'utf8').catch(() => undefined);
  return text === undefined ? {} : readSettings(text);
}

function failureOf(caught: unknown): { message: string; hint?: string | undefined; output: string[] } {
  if (caught instanceof Failed) return { message: caught.message, hint: caught.hint, output: caught.output };
  if (caught instanceof ThawError) {
    const [message = '', ...output] = caught.message.split('\n');
    return { message, hint: caught.hint, output };
  }
  const text = caught instanceof Error ? caught.message : String(caught);
  return { message: `The build broke: ${text}`, output: [] };
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
  const quiet = () => {};
  await inspect({ do: 'inspect', tree, runtimeRoot: '/app', env: {} }, quiet);
  if (work !== undefined) await build({ ...work.project, tell: quiet }, work.source, undefined);
  work = undefined;
  await rm(tree, { recursive: true });
}
