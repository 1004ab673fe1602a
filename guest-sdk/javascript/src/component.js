// From the component's exports to the policy's functions, and what surrounds the call. `berth policy build` writes the
// module that calls this; no policy does.

import { Decision } from "./decision.js";
import { exchangeHost } from "./host.js";
import { describe } from "./json.js";
import { error as logError } from "./log.js";
import { Refusal } from "./refusal.js";
import { Request } from "./request.js";
import { parse } from "./settings.js";

// Bytes that an ordinary decision does well with.
const ROOM = 256 * 1024;

// Texts of JavaScript may hold half a letter, which has no place in UTF-8, and ends the engine: all that cross are made whole.
//
// `policy` is the author's module, `imports` what Berth gives it, `begin` what each call begins with.
export function component(policy, imports, begin) {
  const host = {
    write: (level, message) => imports.write(level, message.toWellFormed()),
    settings: imports.settings,
    lookup: (table, key) => imports.lookup(table.toWellFormed(), key.toWellFormed()),
  };
  exchangeHost(host);
  // Room that is free from here on, while the policy is built: to get it in each decision costs Berth more than to have it.
  new ArrayBuffer(ROOM);
  if (typeof policy.allocate !== "function") {
    throw new TypeError("the policy exports no function `allocate`: write `export function allocate(request) { … }`");
  }
  return {
    allocate: (contract) => {
      begin(host);
      return allocate(policy.allocate, contract);
    },
    validateSettings: (text) => validateSettings(policy.validateSettings, text),
  };
}

export function allocate(policy, contract) {
  try {
    const decision = policy(new Request(contract));
    if (decision instanceof Decision) return decision.toContract();
    const hint = typeof decision?.then === "function" ? ": it must not be async" : "";
    throw new TypeError(`allocate returned ${describe(decision)}, not a Decision${hint}`);
  } catch (thrown) {
    const refusal = Refusal.of(thrown);
    if (refusal !== null) throw refusal.toContract();
    logError(faultLine(thrown));
    throw thrown;
  }
}

export function validateSettings(validate, text) {
  try {
    validate?.(parse(text));
  } catch (thrown) {
    // What the contract takes as the complaint is the thrown text itself.
    throw String(thrown?.message ?? thrown).toWellFormed();
  }
}

// One line of the log about a fault, since the trap that follows tells nothing. Berth knows it by its first word, and
// keeps it however full the log is.
export function faultLine(thrown) {
  const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : `threw ${String(thrown)}`;
  const place = placeOf(thrown);
  return place === null ? `panicked: ${what}` : `panicked at ${place}: ${what}`;
}

// `policy.js:12:5`, the innermost place outside the SDK.
function placeOf(thrown) {
  for (const frame of String(thrown?.stack ?? "").split("\n")) {
    const found = /([^\s()]+:\d+:\d+)\)?$/.exec(frame);
    if (found && !/\/berth-sdk\/src\/|guest-sdk\/javascript\/src\/|node:internal/.test(found[1])) {
      return found[1].replace(/^file:\/\//, "").replace(/^\/?policy\//, "");
    }
  }
  return null;
}
