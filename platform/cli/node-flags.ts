/**
 * How Node runs a server. What an idle one would keep of its last busy moment is bounded: by default Node lets the space for
 * new objects grow to 64 MiB, a quarter of the server, and does not give it back.
 */
export const NODE_FLAGS = ['--max-semi-space-size=4'];
