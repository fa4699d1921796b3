import { readFile } from 'node:fs/promises';
import { dirname, extname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure, BuildOptions, BuildResult, Loader, Message, Plugin } from 'esbuild';
import { isInside, real } from '../guest/inside.ts';
import { Failed, type Tell } from '../guest/say.ts';

type Esbuild = typeof import('esbuild');

export interface BundleOptions {
  /** Real path of the tree. */
  root: string;
  /** Source file below the root. */
  entry: string;
  /** Packages to leave as imports. */
  external: string[];
  /** Where the tree will be when it runs. */
  runtimeRoot: string;
  /** The bundler, as it lies in the builder image. */
  esbuild: Esbuild;
  tell: Tell;
}

/** Files that speak of their own place. */
const OWN_PLACE = /\bimport\.meta\.(url|dirname|filename)\b|\b__(dirname|filename)\b/;
const CODE = /\.([cm]?[jt]s|[jt]sx)$/;
const MOST_WARNINGS = 10;

/**
 * CommonJS inside an ES module needs `require`; as a global it cannot collide with a declaration of the code's own.
 * `__dirname` and `__filename` are replaced by names that nothing else has, for the same reason.
 */
const BANNER = `import { createRequire as __thaw_createRequire } from 'node:module';
const __thaw_filename = import.meta.filename, __thaw_dirname = import.meta.dirname;
globalThis.require ??= __thaw_createRequire(import.meta.url);`;

/**
 * Bundles a function with everything it imports into one ES module beside its source, so that relative URLs still work.
 *
 * @returns the bundle's path below the root
 * @throws Failed with the bundler's own words; also when an import leads out of the tree
 */
export async function bundle(options: BundleOptions): Promise<string> {
  const { root, entry } = options;
  const out = `${entry.slice(0, -extname(entry).length)}.bundle.mjs`;
  let result = await build(options, out, []);
  await refuseOutside(root, Object.keys(result.metafile.inputs));
  const movers = await movedFiles(options, Object.keys(result.metafile.inputs));
  if (movers.length > 0) result = await build(options, out, [ownPlaces(options, movers)]);
  for (const line of await lines(options.esbuild, result.warnings.slice(0, MOST_WARNINGS), 'warning'))
    options.tell({ output: line });
  return out;
}

async function build(options: BundleOptions, out: string, plugins: Plugin[]) {
  const { root, entry, external, esbuild } = options;
  const settings = {
    entryPoints: [join(root, entry)],
    outfile: join(root, out),
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: `node${process.versions.node}`,
    external: ['*.node', ...external],
    loader: { '.html': 'text', '.txt': 'text', '.sql': 'text' },
    banner: { js: BANNER },
    define: { __dirname: '__thaw_dirname', __filename: '__thaw_filename' },
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    charset: 'utf8',
    metafile: true,
    logLevel: 'silent',
    plugins,
  } satisfies BuildOptions;
  try {
    return (await esbuild.build(settings)) as BuildResult<{ metafile: true }>;
  } catch (error) {
    throw await unbuildable(root, esbuild, error as BuildFailure);
  }
}

/** An import that could not be found, so that the caller may look for it elsewhere. */
export class Unresolved extends Failed {
  readonly packages: string[];

  constructor(message: string, lines: string[], packages: string[]) {
    super(message, { output: lines });
    this.packages = packages;
  }
}

async function unbuildable(root: string, esbuild: Esbuild, failure: BuildFailure): Promise<Error> {
  if (!Array.isArray(failure.errors)) return failure;
  await refuseOutside(
    root,
    failure.errors.flatMap((error) => error.location?.file ?? []),
  );
  const shown = await lines(esbuild, failure.errors, 'error');
  const missing = failure.errors.flatMap(({ text }) => /^Could not resolve "([^"]+)"/.exec(text)?.[1] ?? []);
  if (missing.length === 0) return new Failed('The code cannot be bundled.', { output: shown });
  const packages = missing.map((name) =>
    name
      .split('/')
      .slice(0, name.startsWith('@') ? 2 : 1)
      .join('/'),
  );
  return new Unresolved(`The code imports what is not there: ${[...new Set(missing)].join(', ')}.`, shown, packages);
}

async function lines(esbuild: Esbuild, messages: Message[], kind: 'error' | 'warning'): Promise<string[]> {
  const texts = await esbuild.formatMessages(messages, { kind, color: false, terminalWidth: 100 });
  return texts.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '');
}

/** @param files as the bundler names them: relative to the root */
async function refuseOutside(root: string, files: string[]): Promise<void> {
  for (const file of files) {
    const path = await real(join(root, file));
    if (path === undefined || isInside(root, path)) continue; // What is no file is the bundler's own.
    throw new Failed(`The code imports ${path}, which is outside the repository.`, {
      hint: 'Copy it into the repository, or depend on it as a package.',
    });
  }
}

/** Files of the repository's own that speak of their own place and will be bundled into another directory. */
async function movedFiles({ root, entry }: BundleOptions, inputs: string[]): Promise<string[]> {
  const own = inputs.filter(
    (file) => CODE.test(file) && !file.includes('node_modules/') && dirname(file) !== dirname(entry),
  );
  const moved: string[] = [];
  for (const file of own) if (OWN_PLACE.test(await readFile(join(root, file), 'utf8'))) moved.push(join(root, file));
  return moved;
}

/** Writes into each file the place that it will have at run time. */
function ownPlaces({ root, runtimeRoot, esbuild }: BundleOptions, files: string[]): Plugin {
  const filter = new RegExp(`^(?:${files.map((file) => file.replace(/[^\w/]/g, '\\$&')).join('|')})$`);
  return {
    name: 'own-places',
    setup(build) {
      build.onLoad({ filter }, async ({ path }) => {
        const place = join(runtimeRoot, relative(root, path));
        const text = (value: string) => JSON.stringify(value);
        const filename = text(place);
        const directory = text(dirname(place));
        const { code } = await esbuild.transform(await readFile(path, 'utf8'), {
          loader: loaderOf(path),
          sourcefile: path,
          sourcemap: 'inline',
          define: {
            'import.meta.url': text(pathToFileURL(place).href),
            'import.meta.filename': filename,
            'import.meta.dirname': directory,
            __filename: filename,
            __dirname: directory,
          },
        });
        return { contents: code, loader: 'js', resolveDir: dirname(path) };
      });
    },
  };
}

function loaderOf(path: string): Loader {
  const ending = extname(path).slice(1).replace(/^[cm]/, '');
  return (ending === 'js' ? 'jsx' : ending) as Loader;
}
