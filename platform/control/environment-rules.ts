import { ThawError } from '../errors.ts';
import { shown } from './names.ts';

const NAME_MAX = 128;
const VALUE_MAX = 64 * 1024;
/** Of an app, all targets together, names included: what a deployment keeps of it stays small. */
const TOTAL_MAX = 256 * 1024;
const COUNT_MAX = 1000;

/**
 * Checks names and values before they are set; what is wrong is named, and a value never repeated.
 *
 * @param values null removes
 * @throws ThawError `invalid_input` or `too_large`
 */
export function requireEnvironment(values: Record<string, string | null>): void {
  const entries = Object.entries(values);
  if (entries.length > COUNT_MAX) throw tooMany(entries.length);
  for (const [name, value] of entries) {
    requireEnvironmentName(name);
    if (value !== null) requireValue(name, value);
  }
}

/** @throws ThawError `too_large` */
export function requireTotal({ count, bytes }: { count: number; bytes: number }): void {
  if (count > COUNT_MAX) throw tooMany(count);
  if (bytes <= TOTAL_MAX) return;
  throw new ThawError('too_large', `The environment of the app would have ${Math.ceil(bytes / 1024)} KiB.`, {
    hint: `All names and values of an app together have at most ${TOTAL_MAX / 1024} KiB.`,
  });
}

function requireEnvironmentName(name: string): void {
  // The last one is no name that an object can be asked for.
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name.length > NAME_MAX || name === '__proto__') {
    throw new ThawError('invalid_input', `An environment value cannot be called ${shown(name)}.`, {
      hint: `A name has 1 to ${NAME_MAX} letters (A-Z, a-z), digits and underscores, and does not begin with a digit.`,
    });
  }
  if (name === 'PORT' || name.startsWith('THAW_')) {
    throw new ThawError('invalid_input', `An environment value cannot be called ${name}: that is for Thaw to set.`, {
      hint:
        name === 'PORT'
          ? 'The port is chosen with `port` in thaw.toml.'
          : 'Choose a name that does not begin with THAW_.',
    });
  }
}

function requireValue(name: string, value: string): void {
  if (value.includes('\0')) {
    throw new ThawError('invalid_input', `The value of ${name} holds a NUL byte.`, {
      hint: 'An environment cannot hold one; encode the value, for example as base64.',
    });
  }
  if (!value.isWellFormed()) {
    throw new ThawError('invalid_input', `The value of ${name} is no well-formed Unicode text.`, {
      hint: 'Encode the value, for example as base64.',
    });
  }
  const bytes = Buffer.byteLength(value);
  if (bytes <= VALUE_MAX) return;
  throw new ThawError('too_large', `The value of ${name} has ${Math.ceil(bytes / 1024)} KiB.`, {
    hint: `A value has at most ${VALUE_MAX / 1024} KiB.`,
  });
}

function tooMany(count: number): ThawError {
  return new ThawError('too_large', `The environment of the app would have ${count} values.`, {
    hint: `An app has at most ${COUNT_MAX} of them.`,
  });
}
