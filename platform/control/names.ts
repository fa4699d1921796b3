import { createHash } from 'node:crypto';
import { ThawError } from '../errors.ts';
import { PRODUCTION_BRANCH } from './contract.ts';

/** Longest DNS label: RFC 1035, section 2.3.4. */
export const LABEL_MAX = 63;
/** Leaves 21 characters of a label for the branch or deployment in front of `--<app>`. */
const NAME_MAX = 40;
const BRANCH_MAX = 200;
const KEY_NAME_MAX = 100;
const HASH_LENGTH = 8;

/** One part of a host name, of any length. */
export const DNS_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
/** What a label made with a hash ends with; a branch that ends so by itself is hashed too, so that the two kinds never meet. */
const HASHED = /-[0-9a-f]{8}$/;
const DEPLOYMENT_ID = /^d[a-z0-9]{11}$/;

/**
 * Checks the name of a project: a lower-case DNS label of at most 40 characters.
 *
 * @throws ThawError `invalid_input` that says the rule
 */
export function requireProjectName(name: string): void {
  if (name.length > NAME_MAX || !DNS_LABEL.test(name)) throw badName('project', name);
}

/**
 * Checks the name of an app. Besides being a DNS label it holds no `--`, which parts a branch from its app in host
 * names, and does not begin with digits and a hyphen, which is a sandbox's port.
 *
 * @throws ThawError `invalid_input` that says the rule
 */
export function requireAppName(name: string): void {
  if (name.length > NAME_MAX || !DNS_LABEL.test(name)) throw badName('app', name);
  if (name.includes('--')) {
    throw new ThawError('invalid_input', `An app cannot be called ${shown(name)}: it holds two hyphens in a row.`, {
      hint: 'Two hyphens part a branch from its app in host names; use one.',
    });
  }
  if (/^\d+-/.test(name)) {
    throw new ThawError(
      'invalid_input',
      `An app cannot be called ${shown(name)}: it begins with digits and a hyphen.`,
      {
        hint: 'Such host names belong to the ports of sandboxes; begin with a letter.',
      },
    );
  }
}

/**
 * Checks the name of a volume, or of one of its snapshots: a lower-case DNS label of at most 40 characters, as `thaw.toml`
 * has it.
 *
 * @throws ThawError `invalid_input` that says the rule
 */
export function requireVolumeName(name: string): void {
  if (name.length > NAME_MAX || !DNS_LABEL.test(name)) throw badName('volume', name);
}

/**
 * Checks the name of a key: what a person calls it, 1 to 100 characters on one line.
 *
 * @throws ThawError `invalid_input` that says the rule
 */
export function requireKeyName(name: string): void {
  if (name.trim() === '' || name.length > KEY_NAME_MAX || hasControlCharacter(name)) {
    throw new ThawError('invalid_input', `A key cannot be called ${shown(name)}.`, {
      hint: `The name of a key has 1 to ${KEY_NAME_MAX} characters on one line.`,
    });
  }
}

/**
 * Checks the name of a git branch, by the rules of `git check-ref-format --branch`.
 *
 * @throws ThawError `invalid_input` that says the rule
 */
export function requireBranch(branch: string): void {
  const wrong =
    branch === '' ||
    branch.length > BRANCH_MAX ||
    branch === '@' ||
    branch === 'HEAD' ||
    branch.startsWith('-') ||
    branch.endsWith('.') ||
    hasControlCharacter(branch) ||
    /[ ~^:?*[\\]|\.\.|@\{/.test(branch) ||
    branch.split('/').some((part) => part === '' || part.startsWith('.') || part.endsWith('.lock'));
  if (wrong) {
    throw new ThawError('invalid_input', `${shown(branch)} is not a branch that git allows.`, {
      hint: `A branch has 1 to ${BRANCH_MAX} characters and passes \`git check-ref-format --branch\`.`,
    });
  }
}

/** True for text that has the form of a deployment's id; only such text may become part of a file's name. */
export function isDeploymentId(text: string): boolean {
  return DEPLOYMENT_ID.test(text);
}

/**
 * The left-most label of a branch's host name: the app's own name for `main`, else `<slug>--<app>`.
 * A branch that is a short DNS label is its own slug; any other keeps what it can of itself and ends with 8
 * hex digits of its SHA-256, so that `feature/x` and `feature-x` differ.
 */
export function branchLabel(branch: string, app: string): string {
  if (branch === PRODUCTION_BRANCH) return app;
  const room = LABEL_MAX - '--'.length - app.length;
  return `${branchSlug(branch, room)}--${app}`;
}

/** The left-most label of one deployment's own host name. */
export function deploymentLabel(deployment: string, app: string): string {
  return `${deployment}--${app}`;
}

function branchSlug(branch: string, room: number): string {
  const itself =
    branch.length <= room &&
    DNS_LABEL.test(branch) &&
    !branch.includes('--') &&
    !HASHED.test(branch) &&
    !DEPLOYMENT_ID.test(branch);
  if (itself) return branch;
  const hash = createHash('sha256').update(branch).digest('hex').slice(0, HASH_LENGTH);
  const kept = branch
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, room - HASH_LENGTH - 1)
    .replace(/^-+|-+$/g, '');
  return `${kept === '' ? 'branch' : kept}-${hash}`;
}

function badName(what: string, name: string): ThawError {
  return new ThawError('invalid_input', `${what === 'app' ? 'An' : 'A'} ${what} cannot be called ${shown(name)}.`, {
    hint: `A name has 1 to ${NAME_MAX} lower-case letters (a-z), digits and hyphens, and neither begins nor ends with a hyphen.`,
  });
}

/** C0 and C1 controls, DEL, line separators, and halves of a surrogate pair: nothing of it can be shown or kept safely. */
function hasControlCharacter(text: string): boolean {
  return /[\p{Cc}\u2028\u2029]/u.test(text) || !text.isWellFormed();
}

/** A name as an error may repeat it: quoted, cut, and with whatever a terminal might obey or hide escaped. */
export function shown(name: string): string {
  const quoted = JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}...` : name);
  return quoted.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
