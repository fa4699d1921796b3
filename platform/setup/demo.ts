import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../config.ts';
import { ThawError } from '../errors.ts';
import { Thaw, ThawApiError } from '../sdk/index.ts';
import { nextSteps } from './demo/next-steps.ts';
import { timingLines } from './demo/phases.ts';
import { createRepository } from './demo/repository.ts';
import { findOrStartServer, reachable, type Server } from './demo/server.ts';
import { visit } from './demo/visit.ts';
import { bold, duration, indent, say } from './say.ts';

/** `npm run demo`: pushes an example, calls it from zero, lets it fall asleep and wakes it again. */
const APP = 'hello';
const EXAMPLE = fileURLToPath(new URL('../../examples/hello', import.meta.url));
const POLL_MS = 250;

const config = readConfig();
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort());
const { signal } = stop;
let server: Server | undefined;

try {
  server = await startServer();
  const keyFile = join(config.data, 'admin.key');
  const apiKey = (await readFile(keyFile, 'utf8').catch(() => '')).trim();
  const thaw = new Thaw({ url: server.url, apiKey, signal });
  await push(server.url, keyFile);
  const { url } = await thaw.apps.get(APP);

  title('A request, while nothing of it runs');
  await untilNoneRuns(thaw);
  await call(thaw, url);
  title('Once more, while it is awake');
  await call(thaw, url);
  title('Back to zero');
  say(`waiting until it has been idle for ${duration(config.idleMs)}`);
  say(`no instance is left, after ${duration(await untilNoneRuns(thaw))}`);
  title('A request, from zero again');
  await call(thaw, url);
  title('The server goes on running. What to try next');
  say(nextSteps({ app: APP, url, config, server, keyFile }));
} catch (error) {
  tell(error);
  if (server?.found === false && server.pid !== undefined) {
    if (signal.aborted) process.kill(server.pid);
    else say(`The server goes on running: process ${server.pid}, log ${server.log}`);
  }
  process.exitCode = signal.aborted ? 130 : 1;
}

async function startServer(): Promise<Server> {
  title('The server');
  const started = performance.now();
  const found = await findOrStartServer(config, signal);
  const { url, pid, log } = found;
  if (found.found) say(`one was running already, at ${url}`);
  else say(`started at ${url} in ${duration(performance.now() - started)}, process ${pid}, log ${log}`);
  return found;
}

async function push(api: string, keyFile: string): Promise<void> {
  title('git push');
  const remote = `${api}/git/${APP}.git`;
  await using repository = await createRepository({ example: EXAMPLE, remote, keyFile, signal });
  say(`a repository of examples/hello, in ${repository.path}`);
  say(`$ git push ${remote} main`);
  const started = performance.now();
  await repository.git(['push', 'thaw', 'main'], 'show');
  say(`pushed, built and live in ${duration(performance.now() - started)}`);
}

async function call(thaw: Thaw, url: string): Promise<void> {
  say(`$ curl -i ${url}`);
  const { status, headers, body, ms } = await visit(reachable(config.edge), new URL(url), signal);
  const [instance] = await thaw.instances.list({ app: APP });
  const start = headers['x-thaw-start'];
  say(bold(`${status} in ${duration(ms)}, ${start} start`));
  for (const name of ['content-type', 'x-thaw-start', 'server-timing', 'x-request-id']) {
    if (headers[name] !== undefined) say(indent(`${name}: ${headers[name]}`));
  }
  say(indent(body.trimEnd()));
  say('where the time went:');
  say(indent(timingLines(headers['server-timing'] ?? '', start === 'cold' ? instance?.phases : undefined)));
  if (status !== 200) throw new ThawError('app_crashed', 'The function did not answer as it should.');
}

/** Milliseconds that it took until no instance of the app ran. */
async function untilNoneRuns(thaw: Thaw): Promise<number> {
  const started = performance.now();
  while ((await thaw.instances.list({ app: APP })).length > 0) await sleep(POLL_MS, undefined, { signal });
  say('instances: 0');
  return performance.now() - started;
}

function title(text: string): void {
  say();
  say(bold(text));
}

function tell(error: unknown): void {
  if (signal.aborted) {
    say('Interrupted; what the demo started is stopped.');
    return;
  }
  if (!(error instanceof ThawError || error instanceof ThawApiError)) throw error;
  process.stderr.write(`Error: ${error.message}\n${error.hint ? `${error.hint}\n` : ''}`);
}
