import { type IncomingMessage, Server, type ServerResponse } from 'node:http';

type Environment = Record<string, string | undefined>;

/** What a function gets besides the request. */
export interface Context {
  /** The instance stays until the promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
  /** Does nothing here: there is no origin to pass on to. */
  passThroughOnException(): void;
}

type Fetch = (request: Request, env: Environment, context: Context) => unknown;
type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

/** The ways in which a module answers requests. */
export type Answering =
  | { by: 'fetch'; fetch: Fetch }
  | { by: 'listener'; listener: Listener }
  | { by: 'server'; server: Server };

type Thing = Record<string, unknown>;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** Names that people give a Node response. */
const RESPONSE_NAME = /^_*(res|resp|response|reply|rep)$/i;

/**
 * Finds out how a module answers requests: `default { fetch }` (also a Hono app), a bare default function, a Node
 * `(req, res)` handler (also an Express app), a `node:http` server, or named `GET`, `POST`... exports.
 *
 * @returns undefined when it does not
 */
export function recognise(module: Thing): Answering | undefined {
  const main = unwrap(module);
  return (main === undefined ? undefined : byDefault(main)) ?? byMethods(module) ?? (main && byMethods(main));
}

/** The default export; of a CommonJS module compiled from ES modules, the one inside. */
function unwrap(module: Thing): Thing | undefined {
  const main = module.default;
  if (!isThing(main)) return undefined;
  const inner = main.default;
  return main.__esModule === true && isThing(inner) ? inner : main;
}

function byDefault(main: Thing): Answering | undefined {
  if (main instanceof Server) return { by: 'server', server: main };
  if (typeof main.fetch === 'function') return { by: 'fetch', fetch: main.fetch.bind(main) as Fetch };
  if (typeof main !== 'function') return undefined;
  const code = main as Listener & Fetch & Thing;
  // Express and Connect: a function with a router of its own.
  if (typeof code.handle === 'function' && typeof code.use === 'function') return { by: 'listener', listener: code };
  const second = parameters(Function.prototype.toString.call(code))[1];
  return second !== undefined && RESPONSE_NAME.test(second)
    ? { by: 'listener', listener: code }
    : { by: 'fetch', fetch: code };
}

function byMethods(exported: Thing): Answering | undefined {
  const methods = new Map<string, Fetch>();
  for (const name of METHODS) {
    const code = exported[name];
    if (typeof code === 'function') methods.set(name, code as Fetch);
  }
  if (methods.size === 0) return undefined;
  const get = methods.get('GET');
  if (get && !methods.has('HEAD')) methods.set('HEAD', get);
  const allow = [...methods.keys()].join(', ');
  return {
    by: 'fetch',
    fetch: (request, env, context) => {
      const code = methods.get(request.method);
      if (code) return code(request, env, context);
      if (request.method === 'OPTIONS') return new Response(null, { status: 204, headers: { allow } });
      return Response.json(
        { error: { code: 'method_not_allowed', message: `${request.method} is not answered here.` } },
        { status: 405, headers: { allow } },
      );
    },
  };
}

/** Names of a function's parameters from its source; a pattern comes back as its text. */
function parameters(source: string): string[] {
  const text = source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');
  const single = /^(?:async\s+)?([\w$]+)\s*=>/.exec(text);
  if (single?.[1] !== undefined) return [single[1]];
  const names: string[] = [];
  let depth = 0;
  let name = '';
  for (const character of text.slice(text.indexOf('(') + 1)) {
    if (depth === 0 && (character === ',' || character === ')')) {
      names.push(name.replace(/=[\s\S]*$/, '').trim());
      name = '';
      if (character === ')') return names;
      continue;
    }
    if ('([{'.includes(character)) depth++;
    if (')]}'.includes(character)) depth--;
    name += character;
  }
  return names;
}

function isThing(value: unknown): value is Thing {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
