const { createServer } = require('node:http');

const server = createServer((request, response) => response.end('started by a Procfile\n'));
server.listen(process.env.PORT ?? 3000);
