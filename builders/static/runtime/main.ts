/*
 * Serves the files of a static site:
 *
 *   node static.mjs <directory>       PORT to listen on, from the environment
 */
import { createServer } from 'node:http';
import { answer } from './answer.ts';

const [, , directory = '.'] = process.argv;

const server = createServer((request, response) => {
  // The edge writes it. Node's own is a copy of up to a second ago: after a thaw, the time of the freeze.
  response.sendDate = false;
  answer(directory, request, response).catch(() => {
    if (response.headersSent) response.destroy();
    else response.writeHead(500).end();
  });
});
// The router decides how long a connection stays.
server.keepAliveTimeout = 0;
server.listen(Number(process.env.PORT), '0.0.0.0');
