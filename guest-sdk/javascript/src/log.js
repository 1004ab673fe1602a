// The policy's log. Its owner reads it; no device ever does. Lines past the policy's limits are dropped.

import { host } from "./host.js";

export function write(level, message) {
  host().write(level, String(message));
}

export const debug = (message) => write("debug", message);
export const info = (message) => write("info", message);
export const warn = (message) => write("warn", message);
export const error = (message) => write("error", message);
