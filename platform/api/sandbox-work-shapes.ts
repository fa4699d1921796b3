import { z } from '@hono/zod-openapi';
import { CommandShape } from './sandbox-shapes.ts';
import { ErrorShape } from './shapes.ts';

/** Those of signal(7). */
const SIGNALS = [
  ...[
    'SIGHUP',
    'SIGINT',
    'SIGQUIT',
    'SIGILL',
    'SIGTRAP',
    'SIGABRT',
    'SIGBUS',
    'SIGFPE',
    'SIGKILL',
    'SIGUSR1',
    'SIGSEGV',
  ],
  ...['SIGUSR2', 'SIGPIPE', 'SIGALRM', 'SIGTERM', 'SIGSTKFLT', 'SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN'],
  ...['SIGTTOU', 'SIGURG', 'SIGXCPU', 'SIGXFSZ', 'SIGVTALRM', 'SIGPROF', 'SIGWINCH', 'SIGIO', 'SIGPWR', 'SIGSYS'],
];
const LONGEST_PATH = 4096;

export const Pid = z
  .string()
  .regex(/^[1-9]\d{0,6}$/, 'must be the number of a process.')
  .transform(Number)
  .openapi({ type: 'integer', example: 412 });
export const Path = z.string().min(1).max(LONGEST_PATH).openapi({ example: '/app/src', description: 'Absolute.' });
export const User = z.enum(['app', 'root']).default('app').openapi({ description: 'Whose what is made will be.' });

const side = z.number().int().min(1).max(65_535);
export const SizeShape = z.strictObject({ cols: side, rows: side }).openapi('TerminalSize');
export const SignalShape = z.strictObject({
  signal: z
    .string()
    .refine((name) => SIGNALS.includes(name), 'must be the name of a signal, e.g. SIGTERM.')
    .default('SIGTERM'),
});

export const BackgroundShape = CommandShape.omit({ maxOutputBytes: true, encoding: true, timeoutSeconds: true }).extend(
  {
    timeoutSeconds: z.number().positive().max(2_592_000).optional().openapi({ description: 'Default: no limit.' }),
    terminal: SizeShape.optional().openapi({ description: 'Its streams are one terminal of this size.' }),
    stdin: z.boolean().optional().openapi({ description: 'Whether input can be written; a terminal always has one.' }),
  },
);

export const RunningShape = z
  .object({ pid: z.number().int(), command: z.array(z.string()), cwd: z.string().nullable() })
  .openapi('RunningCommand');

export const OutputEventShape = z
  .union([
    z.object({
      type: z.literal('start'),
      pid: z.number().int(),
      position: z
        .number()
        .int()
        .openapi({ description: 'Where the output that follows begins; later than asked for where that is not kept.' }),
    }),
    z.object({
      type: z.enum(['stdout', 'stderr', 'terminal']),
      data: z.string(),
      position: z.number().int().openapi({ description: 'Bytes of output up to here, from the start of the command.' }),
    }),
    z.object({
      type: z.literal('exit'),
      exitCode: z.number().int().nullable(),
      signal: z.string().nullable(),
      timedOut: z.boolean(),
      truncated: z.boolean().openapi({ description: 'Output that was asked for was not kept any more.' }),
    }),
    z.object({ type: z.literal('failed'), error: ErrorShape.shape.error }),
  ])
  .openapi('OutputEvent');

export const EntryShape = z
  .object({
    name: z.string(),
    path: z.string(),
    type: z.enum(['file', 'directory', 'symlink', 'other']).openapi({ description: 'Of a symlink: what it leads to.' }),
    sizeBytes: z.number().int(),
    mode: z.number().int(),
    owner: z.string(),
    group: z.string(),
    modifiedAt: z.string(),
    target: z.string().nullable().openapi({ description: 'Where a symlink leads.' }),
  })
  .openapi('FileEntry');

export const ChangeShape = z
  .union([
    z.object({ type: z.literal('watching') }),
    z.object({ type: z.enum(['create', 'write', 'remove', 'rename', 'chmod']), path: z.string() }),
    z.object({ type: z.literal('failed'), error: ErrorShape.shape.error }),
  ])
  .openapi('FileChange');

export const CodeShape = z.strictObject({
  code: z.string(),
  language: z.string().min(1).max(40).optional().openapi({ description: 'Default: python.' }),
  env: z.record(z.string().max(200), z.string()).optional(),
  timeoutSeconds: z.number().positive().max(86_400).optional().openapi({ description: 'Default: 60.' }),
});

const form = z.string().optional();
export const CodeEventShape = z
  .union([
    z.object({ type: z.literal('start') }),
    z.object({ type: z.enum(['stdout', 'stderr']), data: z.string() }),
    z.object({
      type: z.literal('result'),
      main: z.boolean().openapi({ description: 'It is the value of the last expression.' }),
      ...{ text: form, html: form, markdown: form, svg: form, latex: form, javascript: form },
      ...{ png: form, jpeg: form, pdf: form },
      json: z.unknown().optional(),
      extra: z.record(z.string(), z.unknown()).optional(),
    }),
    z.object({ type: z.literal('error'), name: z.string(), value: z.string(), traceback: z.string() }),
    z.object({ type: z.literal('end'), executionCount: z.number().int().nullable(), truncated: z.boolean() }),
    z.object({ type: z.literal('failed'), error: ErrorShape.shape.error }),
  ])
  .openapi('CodeEvent');
