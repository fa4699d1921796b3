/*
 * What this program answers a build with, one JSON object a line:
 *
 *   {"say": "Bundling"}                                   a step, in our words
 *   {"output": "npm warn deprecated ..."}                  a line of a tool's or the code's own output
 *   {"failed": {"message", "hint"?, "output"?: [...]}}      the last line: why not, with the tool's last lines
 *   {"built": {"entry": "src/index.bundle.mjs", "name": "src/index.ts"}}   the last line: what came out
 *
 * The reader trusts none of it: it comes out of a VM in which the code's own install scripts have run.
 */

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

export interface Built {
  /** Path of the bundle below the root of the tree. */
  entry: string;
  /** What its author calls it: the path of the source file. */
  name: string;
}

export type Line =
  | { say: string }
  | { output: string }
  | { failed: { message: string; hint: string | undefined; output: string[] } }
  | { built: Built };

/** Tells who waits for the build. */
export type Tell = (line: Line) => void;
