import { z } from 'zod';
import type { Report } from '../contract.ts';
import { buildFailed } from '../failure.ts';
import { LineSplitter, plainLine } from '../plain-text.ts';

/** Lines of tools' output that are passed on; the rest is dropped, with a word about it. */
const MOST_OUTPUT = 1000;

/** The protocol of the build program (guest/say.ts). It comes out of a VM in which foreign code ran. */
const line = z.union([
  z.object({ say: z.string() }),
  z.object({ output: z.string() }),
  z.object({
    failed: z.object({ message: z.string(), hint: z.string().max(1000).optional(), output: z.array(z.string()) }),
  }),
  z.object({
    built: z.object({
      /** Below the tree: it becomes part of an argument, not of a path on the host. */
      entry: z.string().regex(/^(?!\/)(?!(.*\/)?\.\.?(\/|$))[^\0\n]{1,500}$/),
      name: z.string().min(1).max(500),
    }),
  }),
]);

/** What a build came to. */
export interface BuiltFunction {
  /** The bundle's path below the tree. */
  entry: string;
  /** What its author calls it. */
  name: string;
}

/** Reads what the build program says, passes on what is for people, and keeps the outcome. */
export class BuildOutput {
  readonly #lines = new LineSplitter((text) => this.#read(text));
  readonly #report: Report;
  #built: BuiltFunction | undefined;
  #failed: { message: string; hint?: string | undefined; output: string[] } | undefined;
  #shown = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  push(data: Uint8Array): void {
    this.#lines.push(data);
  }

  /**
   * The outcome, once the program has said all.
   *
   * @throws ThawError `build_failed`
   */
  outcome(): BuiltFunction {
    this.#lines.end();
    if (this.#failed) {
      const { message, hint, output } = this.#failed;
      throw buildFailed(message, output, hint === undefined ? {} : { hint: plainLine(hint) });
    }
    if (this.#built) return { entry: this.#built.entry, name: plainLine(this.#built.name) };
    throw buildFailed('The build ended in the middle.', [], {
      hint: 'Most often it ran out of memory: depend on fewer or smaller packages.',
    });
  }

  #read(text: string): void {
    const parsed = line.safeParse(parseJson(text));
    if (!parsed.success) return;
    const said = parsed.data;
    if ('say' in said) this.#report(plainLine(said.say));
    else if ('output' in said) this.#pass(said.output);
    else if ('failed' in said) this.#failed = said.failed;
    else this.#built = said.built;
  }

  #pass(text: string): void {
    this.#shown++;
    if (this.#shown < MOST_OUTPUT) this.#report(`  ${plainLine(text)}`);
    else if (this.#shown === MOST_OUTPUT) this.#report('  (more output is not shown)');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
