/*
 * Serves the files of a static site:
 *
 *   node static.mjs <directory>       PORT to listen on, from the environment
 */
import { createServer } from 'node:http';
import { answer } from './answer.ts';

const [, , directory = '.'] = process.argv;

createServer((request, response) => {
  answer(directory, request, response).catch(() => {
    if (response.headersSent) response.destroy();
    else response.writeHead(500).end();
  });
}).listen(Number(process.env.PORT), '0.0.0.0');
