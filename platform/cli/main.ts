import { constants } from 'node:os';
import { CommanderError } from 'commander';
import { type Connection, connect } from './connection.ts';
import { readEnvironment } from './environment.ts';
import { EXIT, tell } from './failure.ts';
import { endWhenUnread, Output } from './output.ts';
import { buildProgram } from './program.ts';

/** The reason of an abort that the user asked for. */
class Interrupted extends Error {
  readonly signalName: 'SIGINT' | 'SIGTERM';

  constructor(signalName: 'SIGINT' | 'SIGTERM') {
    super('Interrupted.');
    this.signalName = signalName;
  }

  /** What a shell reports for a command that a signal ended. */
  get exitCode(): number {
    return 128 + constants.signals[this.signalName];
  }
}

async function run(argv: string[]): Promise<number> {
  const environment = readEnvironment();
  const out = new Output({ noColor: environment.noColor });
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      const interrupted = new Interrupted(name);
      // Asked a second time: whatever still waits has had its chance.
      if (ending.signal.aborted) process.exit(interrupted.exitCode);
      ending.abort(interrupted);
    });
  }

  let connection: Connection | undefined;
  const program = buildProgram({
    environment,
    out,
    signal: ending.signal,
    now: () => new Date(),
    connection: async () => {
      connection ??= await connect(environment, ending.signal);
      return connection;
    },
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.misused;
    if (ending.signal.aborted) return (ending.signal.reason as Interrupted).exitCode;
    return tell(error, out, environment, connection);
  }
}

endWhenUnread();
process.exitCode = await run(process.argv.slice(2));
