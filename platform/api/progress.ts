/** One line of progress. */
interface Line {
  type: 'line';
  text: string;
}

/**
 * Work as a stream: its lines of progress as they are reported, then its outcome. Leaving the loop early does not end
 * the work; it is waited for either way.
 *
 * @param work calls `report` with each line
 * @param done the last value of the stream, made of what the work resolved to
 */
export async function* progress<Outcome, Done>(
  work: (report: (line: string) => void) => Promise<Outcome>,
  done: (outcome: Outcome) => Done,
): AsyncGenerator<Line | Done> {
  const lines: string[] = [];
  let wake = Promise.withResolvers<void>();
  let over = false;
  const report = (line: string) => {
    lines.push(line);
    wake.resolve();
  };
  const outcome = work(report).finally(() => {
    over = true;
    wake.resolve();
  });
  // Whoever leaves early never looks at the outcome.
  outcome.catch(() => {});
  try {
    while (!over || lines.length > 0) {
      await wake.promise;
      wake = Promise.withResolvers();
      for (const text of lines.splice(0)) yield { type: 'line', text };
    }
    yield done(await outcome);
  } finally {
    await outcome.catch(() => {});
  }
}
