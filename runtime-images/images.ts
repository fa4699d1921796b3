import { base } from './base/image.ts';
import { builder } from './builder/image.ts';
import { codeInterpreter } from './code-interpreter/image.ts';
import type { ImageDefinition } from './definition.ts';
import { node } from './node/image.ts';
import { postgres } from './postgres/image.ts';
import { python } from './python/image.ts';

/** Every runtime image, parents before those built on them. */
export const IMAGES = {
  base,
  node,
  python,
  builder,
  'code-interpreter': codeInterpreter,
  postgres,
} as const satisfies Record<string, ImageDefinition>;

export type ImageName = keyof typeof IMAGES;

/** Images that the platform itself does without, and that take long to make: they are made by setup and not by the demo. */
export const OPTIONAL_IMAGES: readonly ImageName[] = ['code-interpreter', 'postgres'];

export const IMAGE_NAMES = Object.keys(IMAGES) as ImageName[];
