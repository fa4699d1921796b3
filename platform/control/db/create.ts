import { PGlite } from '@electric-sql/pglite';

/** A program that `open.ts` runs: makes an empty PGlite database in the directory that it is given. */
const client = await PGlite.create(process.argv[2]);
await client.close();
