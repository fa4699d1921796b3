import { ThawError } from '../../../errors.ts';
import { OPEN, PRESETS } from './presets.ts';
import { addressNumber, addressText, liesInClosed, type Range, rangeOf, within } from './ranges.ts';

/** Most rules of one policy, presets counted as one. */
const MAX_RULES = 256;
const FORMS =
  'a name (example.com), all names below one (*.example.com), an IPv4 address or range (198.51.100.0/24), \
either with a port (198.51.100.7:22), or a preset (registries, github, open)';
/** RFC 1123 with the underscore of service names; at least two labels. */
const NAME = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

interface AddressRule {
  range: Range;
  /** Absent: every port. */
  port?: number;
}

/** What the rules of one VM allow. Closed ranges are no business of it: they are closed whatever it says. */
export class Policy {
  readonly #names = new Set<string>();
  /** `example.com` for the rule `*.example.com`. */
  readonly #below = new Set<string>();
  readonly #addresses: AddressRule[] = [];

  /** @throws ThawError `invalid_input` that names the wrong rule */
  constructor(rules: readonly string[]) {
    if (rules.length > MAX_RULES) {
      throw new ThawError('invalid_input', `An egress policy of ${rules.length} rules is too long.`, {
        hint: `At most ${MAX_RULES}. Allow all names below one with *.example.com.`,
      });
    }
    for (const rule of rules) this.#add(rule);
  }

  /** True when a connection may be allowed for its name, so that it is worth waiting for one. */
  get hasNames(): boolean {
    return this.#names.size > 0 || this.#below.size > 0 || this.isOpen;
  }

  /** True when every public address may be connected to. */
  get isOpen(): boolean {
    return this.#addresses.some(({ range, port }) => range.first === 0 && range.last === 2 ** 32 - 1 && !port);
  }

  /** @param name in lower case, without a dot at its end */
  allowsName(name: string): boolean {
    if (this.isOpen || this.#names.has(name)) return true;
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      if (this.#below.has(name.slice(dot + 1))) return true;
    }
    return false;
  }

  /** Whether an address may be connected to without a name. */
  allowsAddress(address: number, port: number): boolean {
    return this.#addresses.some((rule) => within(address, rule.range) && (rule.port ?? port) === port);
  }

  #add(rule: string): void {
    if (rule === OPEN) this.#addresses.push({ range: rangeOf(0, 0) });
    else if (Object.hasOwn(PRESETS, rule)) for (const one of PRESETS[rule as keyof typeof PRESETS]) this.#add(one);
    else if (/^[\d./:]+$/.test(rule)) this.#addresses.push(addressRule(rule));
    else this.#addName(rule);
  }

  #addName(rule: string): void {
    const name = rule.toLowerCase().replace(/^\*\./, '');
    if (!NAME.test(name)) throw wrong(rule, 'is none of the forms that a rule can have.');
    (rule.startsWith('*.') ? this.#below : this.#names).add(name);
  }
}

function addressRule(rule: string): AddressRule {
  const match = /^([\d.]+)(?:\/(\d{1,2}))?(?::(\d{1,5}))?$/.exec(rule);
  const address = addressNumber(match?.[1] ?? '');
  const bits = Number(match?.[2] ?? 32);
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (address === undefined || bits > 32) throw wrong(rule, 'is no IPv4 address or range.');
  if (port !== undefined && (port < 1 || port > 65_535)) throw wrong(rule, 'has a port that is not 1 to 65535.');
  const range = rangeOf(address, bits);
  if (range.first !== address) {
    throw wrong(rule, `has bits set past its /${bits}.`, `The range is ${addressText(range.first)}/${bits}.`);
  }
  if (liesInClosed(range)) {
    throw wrong(
      rule,
      'is closed in every mode.',
      'Private, link-local, multicast and reserved ranges cannot be opened.',
    );
  }
  return port === undefined ? { range } : { range, port };
}

function wrong(rule: string, what: string, hint = `Allowed: ${FORMS}.`): ThawError {
  return new ThawError('invalid_input', `The egress rule ${JSON.stringify(rule.slice(0, 300))} ${what}`, { hint });
}
