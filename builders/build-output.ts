import { z } from 'zod';
import type { Report } from './contract.ts';
import { buildFailed } from './failure.ts';
import { type Built, MOST_OUTPUT_LINES, type Plan } from './guest/say.ts';
import { LineSplitter, plainLine } from './plain-text.ts';

const MOST_ARGUMENTS = 200;
const MOST_VALUES = 300;

/** Below the tree: it becomes part of a path inside a guest, and of an argument. */
const inside = z.string().regex(/^(?!\/)(?!(.*\/)?\.\.?(\/|$))[^\0\n]{1,500}$/);
const text = (most: number) => z.string().max(most);

/** The protocol of the build program (guest/say.ts). It comes out of a VM in which foreign code ran. */
const line = z.union([
  z.object({ say: z.string() }),
  z.object({ output: z.string() }),
  z.object({
    failed: z.object({ message: z.string(), hint: text(1000).optional(), output: z.array(z.string()) }),
  }),
  z.object({
    plan: z.object({
      detected: text(500),
      settings: z.record(z.string(), z.unknown()),
      install: z.object({ command: text(500), key: text(200).exactOptional() }).exactOptional(),
    }),
  }),
  z.object({ installed: z.literal(true) }),
  z.object({
    built: z.object({
      kind: z.enum(['function', 'web', 'static']),
      runtime: z.enum(['node', 'python', 'base']),
      root: z.union([z.literal(''), inside]),
      entry: inside.exactOptional(),
      name: text(500).min(1).exactOptional(),
      argv: z.array(text(10_000)).min(1).max(MOST_ARGUMENTS).exactOptional(),
      env: z
        .record(text(200), text(65_536))
        .refine((values) => Object.keys(values).length <= MOST_VALUES)
        .exactOptional(),
      release: text(10_000).exactOptional(),
      worker: text(10_000).exactOptional(),
    }),
  }),
]);

/** Reads what the build program says to one order, passes on what is for people, and keeps the outcome. */
export class BuildOutput {
  readonly #lines = new LineSplitter((text) => this.#read(text));
  readonly #report: Report;
  #outcome: { plan: Plan } | { installed: true } | { built: Built } | undefined;
  #failed: { message: string; hint?: string | undefined; output: string[] } | undefined;
  #shown = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  push(data: Uint8Array): void {
    this.#lines.push(data);
  }

  /**
   * The last line, once the program has said all.
   *
   * @throws ThawError `build_failed`
   */
  outcome<K extends 'plan' | 'installed' | 'built'>(kind: K): { plan: Plan; installed: true; built: Built }[K] {
    this.#lines.end();
    if (this.#failed) {
      const { message, hint, output } = this.#failed;
      throw buildFailed(message, output, hint === undefined ? {} : { hint: plainLine(hint) });
    }
    const outcome: Partial<{ plan: Plan; installed: true; built: Built }> = this.#outcome ?? {};
    const found = outcome[kind];
    if (found !== undefined) return found as { plan: Plan; installed: true; built: Built }[K];
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
    else this.#outcome = said;
  }

  #pass(text: string): void {
    this.#shown++;
    // The program says itself that there is more.
    if (this.#shown <= MOST_OUTPUT_LINES) this.#report(`  ${plainLine(text)}`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
