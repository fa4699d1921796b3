/** A package of the npm registry, whose files become part of an image. */
export interface NpmPackage {
  name: string;
  version: string;
  /** As in a lockfile, `sha512-` and base64: what is downloaded has to match. */
  integrity: string;
  /** What is copied: from a path inside the package (`.` is all of it) to an absolute one in the image. */
  copy: { from: string; to: string }[];
}

/** A Go toolchain, as its project publishes it for the module proxy. */
export interface GoToolchain {
  /** E.g. `1.26.8`. */
  version: string;
  /** As in a go.sum, `h1:` and base64: what is downloaded has to match. */
  sum: string;
}

/** A C file that is compiled on the host into a library without dependencies. */
export interface NativeAddon {
  /** Absolute path of the source. */
  source: string;
  /** Absolute path in the image. */
  to: string;
}

export interface ImageFile {
  /** Absolute path in the image. */
  path: string;
  text: string;
}

export interface ImageLink {
  path: string;
  target: string;
}

/** A program that runs in every VM of an image, started after a boot and frozen running. */
export interface ImageService {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  /** It listens on this port when it is ready to be frozen. */
  port: number;
}

/**
 * What a runtime image holds. It is data alone: its hash says whether an image
 * that was built before still is this one.
 */
export interface ImageDefinition {
  name: string;
  /** Image whose packages, files and so on this one has as well. */
  parent?: ImageDefinition;
  /** Debian release of its packages and of those of its parents; default `SUITE`. */
  suite?: string;
  /** Debian packages, on top of Debian's minimal set. */
  debian: readonly string[];
  /** Commands for a shell, run on the host after the packages were installed, with the new root as `$1`. */
  install?: readonly string[];
  /** Absolute paths that are removed again, as a shell's patterns: what packages bring and nobody uses in a guest. */
  leftOut?: readonly string[];
  npm: readonly NpmPackage[];
  /** At `/usr/local/go`, with its standard library compiled. */
  go?: GoToolchain;
  addons: readonly NativeAddon[];
  files: readonly ImageFile[];
  links: readonly ImageLink[];
  /**
   * Commands that are run once after a boot, before the image is frozen: what they
   * read from disk is then in memory in every clone. No part of the disk.
   */
  warm: readonly (readonly string[])[];
  /** Started after `warm`, as the user `app`, and supervised by the agent. */
  service?: ImageService;
  /** Size that the guest sees; the file is sparse. */
  diskBytes: number;
}

/** An image and those it is built on, the root first. */
export function lineage(image: ImageDefinition): ImageDefinition[] {
  return image.parent ? [...lineage(image.parent), image] : [image];
}
