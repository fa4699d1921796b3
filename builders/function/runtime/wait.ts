import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { type Context, recognise } from './recognise.ts';
import { type Complain, serverFor } from './serve.ts';

/** Which function to run. */
export interface Order {
  /** Path of the bundle, below the working directory. */
  entry: string;
  /** What its author calls it. */
  name: string;
  /** Added to the process's environment. */
  env: Record<string, string>;
}

export interface Waiting {
  /** Where the order comes: `POST / {"entry", "name", "env"}`. */
  loadPort: number;
  /** Where the function will answer; until then requests are answered that only exercise this program. */
  port: number;
  context: () => Context;
  complain: Complain;
}

/** Waits to be told which function to run. Both ports are closed when this resolves. */
export async function waitForOrder({ loadPort, port, context, complain }: Waiting): Promise<Order> {
  const rehearsing = recognise({ default: rehearsal });
  if (rehearsing === undefined) throw new Error('the rehearsal is no function');
  const stage = serverFor(rehearsing, context, complain);
  stage.listen(port, '0.0.0.0');
  await once(stage, 'listening');

  const { promise: ordered, resolve, reject } = Promise.withResolvers<Order>();
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const order = (await json(request)) as Order;
    // Before the answer: whoever ordered then waits for this port to open again.
    await close(stage);
    response.writeHead(202).end(() => resolve(order));
  };
  const door = createServer((request, response) => void take(request, response).catch(reject));
  door.listen(loadPort, '0.0.0.0');
  const order = await ordered;
  await close(door);
  return order;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** Uses what most functions use of the Fetch API, so that it is loaded and compiled before there is a function. */
async function rehearsal(
  request: Request,
  env: Record<string, string | undefined>,
  context: Context,
): Promise<Response> {
  const { searchParams } = new URL(request.url);
  const headers = new Headers({ 'x-rehearsal': request.headers.get('user-agent') ?? 'none' });
  context.waitUntil(Promise.resolve());
  const text = await new Response(JSON.stringify({ env: Object.keys(env).length, query: [...searchParams] })).text();
  return Math.random() < 0.5 ? Response.json(JSON.parse(text), { headers }) : new Response(text, { headers });
}
