/** Port of plain HTTP: left out of URLs. */
const HTTP_PORT = 80;

/** The address of a label at the edge, e.g. `http://hello.localhost:8080/`. */
export function edgeUrl(label: string, { domain, edgePort }: { domain: string; edgePort: number }): string {
  return `http://${label}.${domain}${edgePort === HTTP_PORT ? '' : `:${edgePort}`}/`;
}
