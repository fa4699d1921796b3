import type { Figure } from './figures.ts';

/** What a part of the benchmark is told. */
export interface PartOptions {
  /** How often to measure; each part has a default of its own. */
  rounds?: number;
  progress(text: string): void;
}

export interface PartResult {
  figures: Figure[];
  /** Everything that was measured, for the JSON file. */
  samples: unknown;
}

export type Part = (options: PartOptions) => Promise<PartResult>;
