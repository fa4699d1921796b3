import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { page } from './page.ts';

const client = readFileSync(new URL('./client.js', import.meta.url));

createServer((request, response) => {
  if (request.url === '/client.js') {
    response.setHeader('content-type', 'text/javascript').end(client);
    return;
  }
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(page({ path: request.url ?? '/', time: new Date().toISOString() }));
}).listen(process.env.PORT ?? 3000);
