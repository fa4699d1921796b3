import { indent } from '../say.ts';

/** `queue;dur=0.2, thaw;dur=180` as names and milliseconds: https://www.w3.org/TR/server-timing/#the-server-timing-header-field */
export function serverTiming(header: string): Record<string, number> {
  const metrics = header.matchAll(/([\w-]+);dur=([\d.]+)/g);
  return Object.fromEntries([...metrics].map(([, name = '', ms]) => [name, Number(ms)]));
}

/** One line for each phase, with its milliseconds. */
export function phaseLines(phases: Record<string, number>): string {
  const names = Math.max(0, ...Object.keys(phases).map((name) => name.length));
  return Object.entries(phases)
    .map(([name, ms]) => `${name.padEnd(Math.max(names, 12))} ${ms.toFixed(1).padStart(8)} ms`)
    .join('\n');
}

/** Both levels: what the edge measured, and below `thaw` what the host did in that time. */
export function timingLines(header: string, thaw: Record<string, number> | undefined): string {
  return Object.entries(serverTiming(header))
    .flatMap(([name, ms]) => [
      phaseLines({ [name]: ms }),
      ...(name === 'thaw' && thaw !== undefined ? [indent(phaseLines(thaw))] : []),
    ])
    .join('\n');
}
