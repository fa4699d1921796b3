const express = require('express');

const app = express();
app.get('/', (request, response) => response.json({ hello: 'express', host: request.hostname }));
app.listen(process.env.PORT ?? 3000);
