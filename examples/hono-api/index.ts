import { Hono } from 'hono';

const notes = new Map<string, string>();

/** Notes in the memory of one instance: gone when it sleeps. */
export default new Hono()
  .get('/', (c) => c.json({ notes: [...notes.keys()] }))
  .get('/notes/:name', (c) => {
    const note = notes.get(c.req.param('name'));
    return note === undefined ? c.json({ error: 'no such note' }, 404) : c.text(note);
  })
  .put('/notes/:name', async (c) => {
    notes.set(c.req.param('name'), await c.req.text());
    return c.body(null, 204);
  });
