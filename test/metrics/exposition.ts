/** One sample of Prometheus' text format. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Family {
  type: string;
  help: string;
  samples: Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/gy;

/**
 * Reads Prometheus' text format, version 0.0.4, as a server does: samples follow
 * their family's type, each name belongs to one family, no sample comes twice.
 *
 * @throws Error on the first line that is wrong
 */
export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current = '';
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind !== undefined) {
      if (!NAME.test(name)) throw new Error(`no name: ${line}`);
      if (kind === 'HELP' && families.has(name)) throw new Error(`a family twice: ${line}`);
      const family = families.get(name) ?? { type: '', help: '', samples: [] };
      families.set(name, { ...family, [kind.toLowerCase()]: rest });
      current = name;
      continue;
    }
    const sample = parseSample(line);
    const family = families.get(current);
    const own = family?.type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
    if (family === undefined || own !== current) throw new Error(`a sample of no family: ${line}`);
    const identity = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (seen.has(identity)) throw new Error(`a sample twice: ${line}`);
    seen.add(identity);
    family.samples.push(sample);
  }
  return families;
}

function parseSample(line: string): Sample {
  const [, name = '', labelled = '', number = ''] = SAMPLE.exec(line) ?? [];
  const value = number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number);
  if (name === '' || (Number.isNaN(value) && number !== 'NaN' && number !== 'Nan'))
    throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < labelled.length; at = LABEL.lastIndex) {
    const [, label = '', text = ''] = LABEL.exec(labelled) ?? [];
    if (label === '') throw new Error(`no labels: ${line}`);
    labels[label] = text.replace(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char));
  }
  return { name, labels, value };
}

/** The value of the sample with just these labels; undefined when there is none. */
export function measured(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const samples = [...families.values()].flatMap((family) => family.samples);
  const wanted = JSON.stringify(Object.entries(labels).sort());
  return samples.find((one) => one.name === name && JSON.stringify(Object.entries(one.labels).sort()) === wanted)
    ?.value;
}
