/**
 * Rules that one word stands for. `open` is no list: it is every public address.
 *
 * registries: the hosts that the package managers ask by default, from their own documentation: npm and yarn
 * (docs.npmjs.com/cli, yarnpkg.com), pip (pypi.org/help, warehouse.pypa.io), Go (go.dev/ref/mod#environment-variables),
 * cargo (doc.rust-lang.org/cargo/reference/registries.html), RubyGems (guides.rubygems.org), Maven
 * (maven.apache.org/repository), Debian and Ubuntu (sources.list of their images).
 *
 * github: docs.github.com/actions/reference "communication requirements" and api.github.com/meta (`domains`).
 */
export const PRESETS = {
  registries: [
    'registry.npmjs.org',
    'registry.yarnpkg.com',
    'pypi.org',
    'files.pythonhosted.org',
    'proxy.golang.org',
    'sum.golang.org',
    'index.crates.io',
    'static.crates.io',
    'crates.io',
    'rubygems.org',
    'index.rubygems.org',
    'repo.maven.apache.org',
    'repo1.maven.org',
    'deb.debian.org',
    'security.debian.org',
    'archive.ubuntu.com',
    'security.ubuntu.com',
  ],
  github: [
    'github.com',
    '*.github.com',
    '*.githubusercontent.com',
    '*.githubassets.com',
    'ghcr.io',
    'github-cloud.s3.amazonaws.com',
  ],
} as const;

export const OPEN = 'open';
