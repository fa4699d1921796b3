import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Programs of ours that run in guests. */
const ENTRIES = {
  /** Runs a function: the bundle's place in front of an HTTP server. */
  shim: new URL('function/runtime/shim.ts', import.meta.url),
  /** Loaded into web apps on Node: lets them renew after a thaw. */
  preload: new URL('web/runtime/preload.ts', import.meta.url),
  /** Serves static sites. */
  static: new URL('static/runtime/main.ts', import.meta.url),
  /** Detects, installs and bundles. */
  build: new URL('guest/main.ts', import.meta.url),
} as const;

const programs = new Map<string, Promise<Uint8Array>>();

/** One of our own programs as a single file of JavaScript. Bundled on first use, from our sources alone. */
export function guestProgram(name: keyof typeof ENTRIES): Promise<Uint8Array> {
  const known = programs.get(name);
  if (known) return known;
  const made = bundle(fileURLToPath(ENTRIES[name]));
  programs.set(name, made);
  return made;
}

async function bundle(entry: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // It lies in the builder image, as a native program.
    external: ['esbuild'],
    logLevel: 'silent',
  });
  const [file] = outputFiles;
  if (!file) throw new Error(`${entry} came out empty`);
  return file.contents;
}
