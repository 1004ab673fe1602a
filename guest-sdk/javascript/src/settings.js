// The policy's configuration.

import { SdkError } from "./error.js";
import { host } from "./host.js";

export function settings() {
  return parse(host().settings());
}

// Shared with the validator, so that both say the same about the same mistake.
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SdkError("settings", `the settings do not fit: ${error.message}`);
  }
}
