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

/** The time of day, in the reader's zone: `14:03:59.120`. */
export function clock(moment: string): string {
  const at = new Date(moment);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}
