import type { Import } from './imports.ts';

/** Files that import each other in a ring, each ring once and beginning with the first of its names. */
export function findCycles(imports: readonly Import[]): string[][] {
  const edges = new Map<string, Set<string>>();
  for (const { from, to, kind } of imports) {
    if (kind === 'file') edges.set(from, (edges.get(from) ?? new Set()).add(to));
  }
  const done = new Set<string>();
  const cycles = new Map<string, string[]>();

  const visit = (file: string, path: string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      const ring = fromFirst(path.slice(at));
      cycles.set(ring.join(), [...ring, ring[0] ?? file]);
      return;
    }
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  return [...cycles.values()];
}

function fromFirst(ring: string[]): string[] {
  const first = ring.indexOf([...ring].sort()[0] ?? '');
  return [...ring.slice(first), ...ring.slice(0, first)];
}
