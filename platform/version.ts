import manifest from '../package.json' with { type: 'json' };

/** Thaw's own version. */
export const VERSION: string = manifest.version;
