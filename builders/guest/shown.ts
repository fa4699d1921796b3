import { masker } from '../secrets.ts';
import { type Line, MOST_OUTPUT_LINES, type Tell } from './say.ts';

/** Characters of a line that are told. Secrets are taken out before, so that none is cut in the middle. */
const LONGEST_LINE = 4000;
const MOST_CHARACTERS = 512 * 1024;
const MORE = '(more output is not shown)';

/**
 * What is told of one order: without secrets, and no more of the tools' output than somebody reads. The last lines of a tool
 * that failed come with its failure.
 *
 * @param secrets values that are not shown
 */
export function shown(send: Tell, secrets: readonly string[]): Tell {
  const mask = masker(secrets);
  const short = (text: string) => mask(text).slice(0, LONGEST_LINE);
  let count = 0;
  let characters = 0;
  const output = (text: string) => {
    count++;
    characters += text.length;
    if (count < MOST_OUTPUT_LINES && characters < MOST_CHARACTERS) return send({ output: text });
    if (count <= MOST_OUTPUT_LINES) send({ output: MORE });
    count = MOST_OUTPUT_LINES + 1;
  };
  return (line: Line) => {
    if ('output' in line) output(short(line.output));
    else if ('say' in line) send({ say: short(line.say) });
    else if ('failed' in line) {
      const { message, hint, output: tail } = line.failed;
      send({ failed: { message: short(message), hint: hint && short(hint), output: tail.map(short) } });
    } else send(line);
  };
}
