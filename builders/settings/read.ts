import { parse, TomlError } from 'smol-toml';
import { ThawError } from '../../platform/errors.ts';
import { plainLine } from '../plain-text.ts';
import { findLines } from './lines.ts';
import { mistakesOf } from './mistakes.ts';
import { type Settings, settingsSchema } from './schema.ts';

/** Name of the file, at the top of a repository. */
export const SETTINGS_FILE = 'thaw.toml';

const LONGEST_FILE = 256 * 1024;
/** Lists and tables inside each other on one line. Ours need two. */
const DEEPEST = 16;
const MOST_TOLD = 20;
const HINT = 'All settings are described in docs/thaw-toml.md.';

/**
 * Reads a `thaw.toml`.
 *
 * @throws ThawError `build_failed`; its message has a line for each mistake, with the line in the file, the key, what
 *   stands there, and what is allowed
 */
export function readSettings(text: string): Settings {
  if (text.length > LONGEST_FILE) throw failed([`it is longer than ${LONGEST_FILE / 1024} KiB`]);
  // An editor's byte order mark is no part of the text.
  const document = text.replace(/^\uFEFF/, '');
  const table = parsed(document);
  const result = settingsSchema.safeParse(table);
  if (result.success) return result.data;
  const lineOf = findLines(document);
  const mistakes = mistakesOf(result.error.issues, table)
    .map(({ path, said }) => ({ line: lineOf(path), said }))
    .sort((a, b) => a.line - b.line);
  throw failed(mistakes.map(({ line, said }) => `line ${line}: ${said}`));
}

/**
 * Checks settings that were read elsewhere: they come out of a VM in which foreign code has run.
 *
 * @param plain parsed JSON
 * @throws ThawError `build_failed`
 */
export function checkSettings(plain: unknown): Settings {
  const result = settingsSchema.safeParse(plain);
  if (result.success) return result.data;
  throw failed(mistakesOf(result.error.issues, plain).map(({ said }) => said));
}

function parsed(text: string): unknown {
  try {
    return parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: DEEPEST });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const why = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '');
    throw failed([`line ${error.line}, column ${error.column}: this is not TOML: ${why}`], error);
  }
}

function failed(mistakes: string[], cause?: unknown): ThawError {
  const told = mistakes.slice(0, MOST_TOLD).map(plainLine);
  if (mistakes.length > told.length) told.push(`and ${mistakes.length - told.length} more`);
  const [only = ''] = told;
  const message =
    mistakes.length === 1
      ? `${SETTINGS_FILE}, ${only}`
      : [`${SETTINGS_FILE} has ${mistakes.length} mistakes:`, ...told.map((line) => `  ${line}`)].join('\n');
  return new ThawError('build_failed', message, { hint: HINT, cause });
}
