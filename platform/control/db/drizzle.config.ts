import { defineConfig } from 'drizzle-kit';

/** `drizzle-kit generate --config platform/control/db/drizzle.config.ts` writes the next migration after a change of the schema. */
export default defineConfig({
  dialect: 'postgresql',
  schema: ['', 'sandbox-', 'volume-', 'database-'].map((of) => `./platform/control/db/${of}schema.ts`),
  out: './platform/control/db/migrations',
});
