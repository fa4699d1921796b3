const { createServer } = require('node:http');

const server = createServer((_request, response) => response.end('started by a Procfile\n'));
server.listen(process.env.PORT ?? 3000);
