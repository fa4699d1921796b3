import { serve as listen, type ServerType } from '@hono/node-server';
import type { Config } from './config.ts';
import { ThawError } from './errors.ts';

/** Serves the API. Disposing it closes its connections. @throws ThawError `misconfigured` when the address is taken */
export async function listenOn(
  fetch: (request: Request) => Response | Promise<Response>,
  { host, port }: Config['api'],
): Promise<AsyncDisposable & { address: string }> {
  const server = await new Promise<ServerType>((resolve, reject) => {
    const starting = listen({ fetch, hostname: host, port, overrideGlobalObjects: false }, () => resolve(starting));
    starting.once('error', (cause) =>
      reject(
        new ThawError('misconfigured', `The API cannot listen on ${host}:${port}.`, {
          hint: 'Another server may run there; set THAW_API to an address that is free.',
          cause,
        }),
      ),
    );
  });
  const address = server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return {
    address: `${host}:${actual}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
    },
  };
}
