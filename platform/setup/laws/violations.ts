import { dirname } from 'node:path';
import { findCycles } from './cycles.ts';
import type { Import } from './imports.ts';
import { FRONT_DOORS, LAWS, type Law } from './laws.ts';

/** What breaks the law of imports, one line for each. */
export function violations(imports: readonly Import[]): string[] {
  const broken = imports.flatMap((found) => {
    const why = whyNot(found);
    return why === undefined ? [] : [`${found.from} imports ${found.to}: ${why}`];
  });
  const cycles = findCycles(imports).map((files) => `a cycle of imports: ${files.join(' -> ')}`);
  return [...new Set([...broken, ...cycles])].sort();
}

function whyNot({ from, to, kind, typeOnly }: Import): string | undefined {
  const law = lawOf(from);
  if (law === undefined) return 'no law says what this folder may import; add one to platform/setup/laws/laws.ts';
  if (kind !== 'file') return isAllowedPackage(law, to, typeOnly) ? undefined : law.because;
  if (FRONT_DOORS.test(to)) return 'it is a front door, which nothing imports';
  const own = law.room.endsWith('/') && lawOf(to) === law;
  if (own || law.may.some((path) => covers(path, to))) return undefined;
  if (!law.types?.some((path) => covers(path, to))) return law.because;
  return typeOnly ? undefined : `${law.because} (import type)`;
}

function isAllowedPackage({ packages = [] }: Law, name: string, typeOnly: boolean): boolean {
  return packages === 'all' ? typeOnly : !packages.includes(name);
}

function lawOf(file: string): Law | undefined {
  return LAWS.filter(({ room }) => covers(room, file)).sort((a, b) => b.room.length - a.room.length)[0];
}

function covers(path: string, file: string): boolean {
  if (path.endsWith('/*')) return dirname(file) === dirname(path);
  return path.endsWith('/') ? file.startsWith(path) : file === path;
}
