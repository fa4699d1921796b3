import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

// Kept while everybody is silent: the instance sleeps as a snapshot, with its connections open.
const history = [];

const server = createServer((_request, response) => response.end(JSON.stringify({ messages: history.length })));
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => {
  for (const message of history) socket.send(message);
  socket.on('message', (data) => {
    const message = String(data).slice(0, 1000);
    history.push(message);
    if (history.length > 100) history.shift();
    for (const one of sockets.clients) one.send(message);
  });
});
server.listen(process.env.PORT ?? 3000);
