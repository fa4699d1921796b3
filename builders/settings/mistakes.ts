import type * as z from 'zod';
import { type JsonSchema, settingsJsonSchema } from './json-schema.ts';
import type { Path } from './lines.ts';
import { nearest } from './nearest.ts';

/** Something in the settings that cannot be used. */
export interface Mistake {
  path: Path;
  /** The key with its path, what was found, and what is allowed. */
  said: string;
}

const LONGEST_SHOWN = 60;

type Issue = z.core.$ZodIssue;

/** Each thing that the schema did not take, in words. */
export function mistakesOf(issues: readonly Issue[], settings: unknown): Mistake[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...issue.path, key]));
    return wrongValue(deepest(issue), settings);
  });
}

/** Of the alternatives of a value, the one that was followed furthest, for its message says most. */
function deepest(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  const inner = issue.errors.flat().filter(({ path }) => path.length > 0);
  const [first] = inner.sort((a, b) => b.path.length - a.path.length);
  return first === undefined ? issue : { ...first, path: [...issue.path, ...first.path] };
}

function wrongValue(issue: Issue, settings: unknown): Mistake {
  const { path } = issue;
  const key = path.length === 0 ? 'it' : shownPath(path);
  if (issue.code === 'invalid_key') {
    const allowed = issue.issues[0]?.message ?? issue.message;
    return { path, said: `${key} is no name that can be set. Allowed: ${allowed}` };
  }
  const value = valueAt(settings, path);
  const why = issue.code === 'custom' && typeof issue.params?.why === 'string' ? `: ${issue.params.why}` : '';
  const found = value === undefined ? `${key} is missing` : `${key} is ${shown(value, path)}${why}`;
  return { path, said: `${found}${found.endsWith('?') ? '' : '.'} Allowed: ${issue.message}` };
}

function unknownKey(path: Path): Mistake {
  const key = String(path.at(-1));
  const here = keysAt(path.slice(0, -1));
  const guess = guessAt(path, here);
  return {
    path,
    said: `${shownPath(path)} is no setting.${guess === undefined ? '' : ` ${guess}`} Allowed: ${here.join(', ')}`,
  };

  function guessAt(path: Path, here: string[]): string | undefined {
    if (path.length > 1 && keysAt([]).includes(key)) {
      return `${key} belongs at the top of the file, above the first [table].`;
    }
    const near = nearest(key, here);
    if (near !== undefined) return `Did you mean ${near}?`;
    const table = keysAt([]).find((name) => keysAt([name, 0]).includes(key));
    return table === undefined ? undefined : `${key} belongs into ${table}.`;
  }
}

/** Names that a table may have. */
function keysAt(path: Path): string[] {
  let schema: JsonSchema | undefined = settingsJsonSchema();
  for (const key of path) {
    if (schema === undefined) return [];
    // A table has no place in a list: then the key of the list's place is passed over.
    schema = typeof key === 'number' ? (schema.items ?? schema) : schema.properties?.[String(key)];
  }
  return Object.keys(schema?.properties ?? {});
}

/** `crons[0].schedule` */
function shownPath(path: Path): string {
  return path
    .map((key) => {
      if (typeof key === 'number') return `[${key}]`;
      return /^[\w-]+$/.test(String(key)) ? `.${String(key)}` : `.${clipped(JSON.stringify(key))}`;
    })
    .join('')
    .replace(/^\./, '');
}

function valueAt(settings: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], settings);
}

function shown(value: unknown, path: Path): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value instanceof Date) return 'a date';
  if (typeof value === 'object' && value !== null) return 'a table';
  // It may be a secret in the wrong place, and the output of builds is kept.
  if (path[0] === 'env') return typeof value === 'string' ? 'a text that cannot be used' : `a ${typeof value}`;
  return clipped(typeof value === 'string' ? JSON.stringify(value) : String(value));
}

function clipped(text: string): string {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
}
