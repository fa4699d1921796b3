import * as z from 'zod';
import { settingsSchema } from './schema.ts';

/** A JSON schema, as far as it is looked into here. */
export interface JsonSchema {
  [keyword: string]: unknown;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
}

/** The JSON schema of `thaw.toml` for editors; draft 7, which the TOML language servers know. */
export function settingsJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(settingsSchema, { io: 'input', target: 'draft-7' });
  return { ...(schema as JsonSchema), title: 'thaw.toml', description: 'Settings of an app on Thaw.' };
}
