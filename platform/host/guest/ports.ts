/** Ports of the guest's agent; below 1024, so that no unprivileged process can stand in for it. */
export const AGENT_PORTS = { http: 1001, thaw: 1002 } as const;
