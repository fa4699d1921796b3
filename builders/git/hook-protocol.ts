/*
 * Between git's hooks and the server, on a unix socket; one connection a hook, NDJSON both ways:
 *
 *   hook   -> {"token": "...", "hook": "pre-receive", "refs": [{"old","new","ref"}], "quarantine": "/…/objects/tmp_objdir-incoming-…"}
 *   server -> {"line": "Bundling"}          any number of times: to be shown
 *   server -> {"exit": 0}                   the last line
 *
 * The token names the push: it is new for each, and known to its git process alone. `quarantine` is where git keeps the
 * pushed objects until pre-receive has agreed; absent afterwards. A connection that ends without `exit` is a refusal, and
 * one that ends early on the hook's side cancels what the server does for it.
 *
 * Nothing is imported here: the hook has to start fast.
 */

/** `old` or `new` of a ref that is made or deleted. */
export const NO_OBJECT = '0'.repeat(40);

export type HookName = 'pre-receive' | 'post-receive';

export interface RefUpdate {
  /** 40 hex digits each. */
  old: string;
  new: string;
  /** e.g. `refs/heads/main` */
  ref: string;
}

export interface HookRequest {
  token: string;
  hook: HookName;
  refs: RefUpdate[];
  quarantine?: string;
}

export type HookAnswer = { line: string } | { exit: number };
