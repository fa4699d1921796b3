import { type Figure, isMet } from './figures.ts';

/** Figures as lines of text: name, value, target, and whether it is met. */
export function table(figures: Figure[]): string {
  const rows = figures.map((figure) => {
    const met = isMet(figure);
    return [
      figure.part,
      figure.name,
      amount(figure.value, figure.unit),
      target(figure),
      met === undefined ? '' : met ? 'met' : 'MISSED',
    ];
  });
  const lines = [['part', 'figure', 'value', 'target', ''], ...rows];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function target({ atMost, atLeast, unit }: Figure): string {
  if (atMost !== undefined) return `<= ${amount(atMost, unit)}`;
  return atLeast === undefined ? '' : `>= ${amount(atLeast, unit)}`;
}

function amount(value: number, unit: Figure['unit']): string {
  const digits = Number.isInteger(value) ? 0 : value < 10 ? 2 : 1;
  return `${value.toFixed(digits)}${unit === '' || unit === 'x' ? unit : ` ${unit}`}`;
}
