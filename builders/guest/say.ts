/*
 * What the build program answers an order with, one JSON object a line:
 *
 *   {"say": "Bundling"}                                   a step, in our words
 *   {"output": "npm warn deprecated ..."}                  a line of a tool's or the code's own output
 *   {"failed": {"message", "hint"?, "output"?: [...]}}      the last line: why not, with the tool's last lines
 *
 * and as the last line of an order that went well:
 *
 *   inspect   {"plan": Plan}
 *   install   {"installed": true}
 *   build     {"built": Built}
 *
 * An order is `POST /` with an Asked. It is over with its last line; when whoever ordered it closes the connection before,
 * what runs for it is ended.
 *
 * The reader trusts none of it: it comes out of a VM in which the code's own install scripts have run.
 */

/** Lines of tools' output that are told of one order, a word about the rest included. */
export const MOST_OUTPUT_LINES = 1000;

/** What `POST /` brings. */
export type Asked = Order & {
  /** Values that no line may show. */
  mask: string[];
};

/** One VM works on one tree at a time; it may be frozen between two orders. */
export type Order =
  /** Looks at a tree, and decides what it is. `env` is added to the environment of every tool from now on. */
  | { do: 'inspect'; tree: string; runtimeRoot: string; env: Record<string, string> }
  /** Installs what the tree that was looked at depends on. */
  | { do: 'install' }
  /**
   * Builds it. With `installedIn`, the packages come from that tree, where an earlier order installed them; the tree that
   * was looked at takes its place.
   */
  | { do: 'build'; installedIn?: string };

/** What a tree is, and what its build comes to. */
export interface Plan {
  /** E.g. `Node web app (package.json start)`. */
  detected: string;
  /** `thaw.toml` as it was read; empty without one. */
  settings: Record<string, unknown>;
  /** The install step; absent when there is nothing to install. */
  install?: {
    /** Command as people know it, e.g. `npm ci`. */
    command: string;
    /** Hash of all that its outcome depends on; absent when that cannot be told, so it cannot be kept. */
    key?: string;
  };
}

/** What came out of a build, and how it is started. */
export interface Built {
  kind: 'function' | 'web' | 'static';
  runtime: 'node' | 'python' | 'base';
  /** Directory below the tree that holds all that is needed to run; empty for the tree itself. */
  root: string;
  /** For a function: the bundle below the root, and what its author calls it. */
  entry?: string;
  name?: string;
  /** For a web app: the command that starts it. */
  argv?: string[];
  env?: Record<string, string>;
  /** Command to run before the release, from a Procfile. */
  release?: string;
  /** Command to run beside the app, from a Procfile. */
  worker?: string;
}

export type Line =
  | { say: string }
  | { output: string }
  | { failed: { message: string; hint?: string | undefined; output: string[] } }
  | { plan: Plan }
  | { installed: true }
  | { built: Built };

/** Tells who waits for the build. */
export type Tell = (line: Line) => void;

/** A build that cannot go on, in words for the person who pushed. */
export class Failed extends Error {
  readonly hint: string | undefined;
  readonly output: string[];

  constructor(message: string, details: { hint?: string; output?: string[] } = {}) {
    super(message);
    this.hint = details.hint;
    this.output = details.output ?? [];
  }
}
