// What JavaScript's own functions find in a component, where there is no system: `console` writes the policy's log, chance is
// the same for every request, and a look at the clock is an error that says so. Not for unit tests, which run on Node.
//
// The module that `berth policy build` writes imports this before the policy, and while that is taken in nothing of Berth's is
// there yet: lines of the log are kept for the decision, and all else is an error.

import { exchangeHost } from "./host.js";
import * as log from "./log.js";

const early = [];

function tooEarly(what) {
  return () => {
    throw new Error(`${what} can be read in a decision only, not while the policy's modules are loaded`);
  };
}

exchangeHost({
  write: (level, message) => early.push([level, message]),
  settings: tooEarly("the settings"),
  lookup: tooEarly("a table"),
});

// Writes what was logged while the policy was taken in: each decision begins there.
export function writeEarly(host) {
  for (const [level, message] of early) host.write(level, message);
}

function show(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

// As console.log does it: the first text may have places for what follows.
function format(first, ...rest) {
  if (typeof first !== "string") return [first, ...rest].map(show).join(" ");
  const filled = first.replace(/%[sdifjoOc%]/g, (place) => {
    if (place === "%%") return "%";
    if (rest.length === 0) return place;
    const value = rest.shift();
    return place === "%c" ? "" : place === "%i" ? String(Math.trunc(value)) : show(value);
  });
  return [filled, ...rest.map(show)].join(" ");
}

const at = (level) => (...values) => log.write(level, format(...values));

globalThis.console = {
  debug: at("debug"),
  trace: at("debug"),
  log: at("info"),
  info: at("info"),
  dir: (value) => log.info(show(value)),
  warn: at("warn"),
  error: at("error"),
  assert: (holds, ...values) => {
    if (!holds) log.error(`assertion failed: ${format(...values)}`);
  },
};

function noClock(what) {
  throw new Error(
    `${what} asks for the time, and a policy has no clock: the same request has to get the same decision. ` +
      "A time that it goes by belongs in its settings or tables",
  );
}

// Dates that are made of something are as they were.
const OwnDate = Date;
globalThis.Date = new Proxy(OwnDate, {
  apply: () => noClock("Date()"),
  construct(date, parts, target) {
    return parts.length === 0 ? noClock("new Date()") : Reflect.construct(date, parts, target);
  },
});
OwnDate.prototype.constructor = globalThis.Date;
OwnDate.now = () => noClock("Date.now()");
globalThis.performance = { now: () => noClock("performance.now()") };

// The engine's own numbers begin with the time of the build. This is xorshift, from a constant.
let chance = 0x2545f491;
Math.random = () => {
  chance ^= chance << 13;
  chance ^= chance >>> 17;
  chance ^= chance << 5;
  return (chance >>> 0) / 0x1_0000_0000;
};
