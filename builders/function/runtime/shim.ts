/*
 * Runs a function inside its VM:
 *
 *   node shim.mjs                    waits on THAW_LOAD_PORT to be told which one (wait.ts)
 *   node shim.mjs <entry> <name>     entry: path of the bundle; name: what its author calls it
 *
 * From the environment: PORT to listen on; THAW_SOCKET, the agent's socket; THAW_RENEWAL, the addon that lets OpenSSL draw
 * from the kernel and maps THAW_RENEWAL_PAGE, by which a thaw is seen.
 * The code sees none of them. The agent is connected before anything listens, so that a VM that answers can also be
 * frozen and renewed.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { connectAgent } from './agent.ts';
import { Background } from './background.ts';
import { collectWhileWarming } from './collect.ts';
import { install } from './random.ts';
import { type Context, recognise } from './recognise.ts';
import { renewer, watchThaws } from './renew.ts';
import { serverFor } from './serve.ts';
import { compileLater } from './tiers.ts';
import { type Order, waitForOrder } from './wait.ts';

const NOT_A_FUNCTION =
  'exports nothing that answers requests. Export one of: default { fetch(request, env, ctx) { ... } }, a default function, ' +
  'functions named GET, POST..., a Hono app, or a Node handler (req, res).';
/** Rounds after which the renewal's code is compiled and its pages are in memory. */
const REHEARSALS = 3;
/** Node's own: the top level awaits something that can never happen. */
const UNSETTLED = 13;

const write = (text: string) => process.stderr.write(`${text}\n`);
const complain = (error: unknown) => write(error instanceof Error ? (error.stack ?? String(error)) : inspect(error));
const isOurs = (name: string) => name === 'PORT' || name.startsWith('THAW_');

const { THAW_SOCKET, THAW_RENEWAL, THAW_RENEWAL_PAGE, THAW_LOAD_PORT } = process.env;
const port = Number(process.env.PORT);
for (const name of Object.keys(process.env).filter(isOurs)) delete process.env[name];

const page = watchThaws(THAW_RENEWAL, THAW_RENEWAL_PAGE);
install(page);
const hook: { afterThaw?: unknown } = {};
const renew = renewer(hook);
for (let round = 0; round < REHEARSALS; round++) renew(randomBytes(32).toString('hex'));
const agent = THAW_SOCKET === undefined ? undefined : await connectAgent(THAW_SOCKET, renew);
const background = new Background((pending) => agent?.tell(`pending ${pending}`));
const context: Context = {
  waitUntil: (work) => background.add(work, complain),
  passThroughOnException: () => {},
};

const { entry, name } = await takeOrder();
const module = await load();
hook.afterThaw = module.afterThaw;
const answering = recognise(module);
if (answering === undefined) {
  write(`${name} ${NOT_A_FUNCTION}`);
  process.exit(1);
}
const server = serverFor(answering, () => context, complain);
if (server.listening) await once(server.close(), 'close'); // The code's own server, on a port of its own choice.
// Without a hook there is nothing to wait for: the first request finds the page changed.
if (page !== undefined && typeof hook.afterThaw !== 'function') agent?.tell('watches');
compileLater(server);
collectWhileWarming(server);
server.listen(port, '0.0.0.0');

async function takeOrder(): Promise<Order> {
  const [, , entry, name = ''] = process.argv;
  if (entry !== undefined) return { entry, name, env: {} };
  const order = await waitForOrder({ loadPort: Number(THAW_LOAD_PORT), port, context: () => context, complain });
  for (const [name, value] of Object.entries(order.env)) if (!isOurs(name)) process.env[name] = value;
  return order;
}

async function load(): Promise<Record<string, unknown>> {
  process.on('unhandledRejection', (reason) => {
    write('Unhandled rejection:');
    complain(reason);
  });
  process.once('exit', (code) => {
    if (code === UNSETTLED) write(`${name} waits at its top level for something that never happens.`);
  });
  agent?.unref(); // Otherwise such a wait would keep the process alive.
  try {
    return await import(pathToFileURL(entry).href);
  } catch (error) {
    complain(error);
    return process.exit(1);
  } finally {
    agent?.ref();
  }
}
