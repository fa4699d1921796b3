/**
 * The port at which E2B's clients look for a sandbox's agent, which is called envd there. No program in a sandbox is reached at
 * it: the edge leads to the agent, to the routes of E2B's schema alone.
 */
export const ENVD_PORT = 49_983;

/** Beginnings of the paths that clients may ask the agent for. Its other routes are the platform's. */
export const ENVD_PATHS = ['/process.Process/', '/filesystem.Filesystem/', '/files', '/health', '/metrics'] as const;
