/*
 * Runs a function inside its VM:
 *
 *   node shim.mjs <entry> <name>     entry: absolute path of the bundle; name: what its author calls it
 *
 * From the environment: PORT to listen on; THAW_SOCKET, the agent's socket; THAW_RESEED, the addon that renews OpenSSL.
 * The code sees none of the three. It listens only when the code is loaded and the agent is connected, so that a
 * VM that answers can also be frozen and renewed.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { connectAgent } from './agent.ts';
import { Background } from './background.ts';
import { install } from './random.ts';
import { type Context, recognise } from './recognise.ts';
import { loadReseed, renewer } from './renew.ts';
import { serverFor } from './serve.ts';

const NOT_A_FUNCTION =
  'exports nothing that answers requests. Export one of: default { fetch(request, env, ctx) { ... } }, a default function, ' +
  'functions named GET, POST..., a Hono app, or a Node handler (req, res).';
/** Rounds after which the renewal's code is compiled and its pages are in memory. */
const REHEARSALS = 3;
/** Node's own: the top level awaits something that can never happen. */
const UNSETTLED = 13;

const write = (text: string) => process.stderr.write(`${text}\n`);
const complain = (error: unknown) => write(error instanceof Error ? (error.stack ?? String(error)) : inspect(error));

const [, , entry = '', name = entry] = process.argv;
const { PORT, THAW_SOCKET, THAW_RESEED } = process.env;
for (const key of Object.keys(process.env)) if (key === 'PORT' || key.startsWith('THAW_')) delete process.env[key];

install();
const reseed = loadReseed(THAW_RESEED);
process.on('unhandledRejection', (reason) => {
  write('Unhandled rejection:');
  complain(reason);
});
process.once('exit', (code) => {
  if (code === UNSETTLED) write(`${name} waits at its top level for something that never happens.`);
});

const module = await load();
const answering = recognise(module);
if (answering === undefined) {
  write(`${name} ${NOT_A_FUNCTION}`);
  process.exit(1);
}

const renew = renewer(reseed, module.afterThaw);
const rehearse = renewer(reseed, undefined);
for (let round = 0; round < REHEARSALS; round++) rehearse(randomBytes(32).toString('hex'));
const agent = THAW_SOCKET === undefined ? undefined : await connectAgent(THAW_SOCKET, renew);

const background = new Background((pending) => agent?.write(`pending ${pending}\n`));
const context: Context = {
  waitUntil: (work) => background.add(work, complain),
  passThroughOnException: () => {},
};
const server = serverFor(answering, () => context, complain);
if (server.listening) await once(server.close(), 'close'); // The code's own server, on a port of its own choice.
server.listen(Number(PORT), '0.0.0.0');
await once(server, 'listening');

async function load(): Promise<Record<string, unknown>> {
  try {
    return await import(pathToFileURL(entry).href);
  } catch (error) {
    complain(error);
    process.exit(1);
  }
}
