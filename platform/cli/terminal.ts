import { spawnSync } from 'node:child_process';
import type { ReadStream } from 'node:tty';
import { type TerminalSize, ThawApiError } from '../sdk/index.ts';

/** What a terminal of old has, where the size is not known. */
const USUAL: TerminalSize = { cols: 80, rows: 24 };

export interface TerminalEvents {
  onKeys(bytes: Uint8Array): void;
  onResize(size: TerminalSize): void;
  /** The terminal went away. */
  onHangUp(): void;
}

/** @throws ThawApiError `invalid_input` when standard input is no terminal, which makes the command misused */
export function requireTerminal(instead: string): void {
  if (process.stdin.isTTY) return;
  throw new ThawApiError('invalid_input', 'Standard input is no terminal.', { hint: instead });
}

/** The size of the user's terminal now. */
export function terminalSize(): TerminalSize {
  const { columns = USUAL.cols, rows = USUAL.rows } = process.stdout;
  // A terminal that was never told its size has none.
  return { cols: columns || USUAL.cols, rows: rows || USUAL.rows };
}

/**
 * Node's raw mode goes on turning each line feed into two characters, which breaks programs that paint the screen. What is
 * restored later is restored with this.
 */
function leaveOutputAlone(): void {
  spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
}

/**
 * Takes the terminal over: every key arrives as it is, Ctrl-C too. Disposing gives it back; so does the end of this process,
 * whatever brings it about.
 */
export function takeTerminal({ onKeys, onResize, onHangUp }: TerminalEvents): Disposable {
  const stdin = process.stdin as ReadStream;
  const resized = () => onResize(terminalSize());
  const restore = () => stdin.setRawMode(false);
  const hungUp = () => onHangUp();
  process.on('exit', restore);
  process.on('SIGHUP', hungUp);
  process.stdout.on('resize', resized);
  stdin.on('data', onKeys);
  stdin.on('end', hungUp);
  stdin.setRawMode(true);
  leaveOutputAlone();
  stdin.resume();
  return {
    [Symbol.dispose]() {
      stdin.off('data', onKeys);
      stdin.off('end', hungUp);
      process.stdout.off('resize', resized);
      process.off('SIGHUP', hungUp);
      process.off('exit', restore);
      restore();
      // Else it would be waited for, and this process would not end.
      stdin.pause();
      stdin.unref();
    },
  };
}
