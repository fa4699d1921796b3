const STEPS: [number, string][] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
];

/** How long ago a moment was, in its largest unit: `5 min ago`. */
export function ago(moment: string | null, now: Date): string {
  if (moment === null) return 'never';
  const seconds = Math.floor((now.getTime() - Date.parse(moment)) / 1000);
  for (const [size, unit] of STEPS) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return 'just now';
}

/** Milliseconds as a reader likes them: `185 ms`, `4.2 s`. */
export function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

const UNITS: Record<string, number> = { s: 1000, min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A moment as people write it: `90s`, `15m`, `2h`, `3d` before `now`, or ISO 8601
 * such as `2026-01-02T03:04:05Z`; without a zone it is the reader's.
 */
export function moment(text: string, now: Date): Date | undefined {
  const [, count, unit = ''] = /^(\d{1,6})(s|min|m|h|d)$/.exec(text) ?? [];
  if (count !== undefined) return new Date(now.getTime() - Number(count) * (UNITS[unit] ?? 0));
  // A date alone would be midnight in UTC; people mean their own.
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00`) : new Date(text);
  return /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(at.getTime()) ? at : undefined;
}

/** A span of time as people write it, `90s`, `15m`, `2h`, in seconds. */
export function seconds(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,6})(s|min|m|h|d)$/.exec(text) ?? [];
  return count === undefined ? undefined : (Number(count) * (UNITS[unit] ?? 0)) / 1000;
}

/** The time of day, in the reader's zone: `14:03:59.120`. */
export function clock(moment: string): string {
  const at = new Date(moment);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}
