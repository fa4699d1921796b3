/*
 * What this program writes to standard output, one JSON object a line:
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

type Line =
  | { say: string }
  | { output: string }
  | { failed: { message: string; hint: string | undefined; output: string[] } }
  | { built: Built };

function write(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

export const say = (text: string) => write({ say: text });
export const output = (text: string) => write({ output: text });
export const built = (what: Built) => write({ built: what });
export const failed = ({ message, hint, output }: Failed) => write({ failed: { message, hint, output } });
