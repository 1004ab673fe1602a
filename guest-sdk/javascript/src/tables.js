// Read-only reference data beside the policy: `tables/NAME.csv` and `tables/NAME.json`. For look-ups by key only.

import { SdkError } from "./error.js";
import { host } from "./host.js";

const PROBLEMS = {
  "no-such-table": (table) => `the policy has no such table: put it at tables/${table}.csv or tables/${table}.json`,
  "too-many-lookups": () => "the decision has used up its look-ups",
};

export function lookup(table, key) {
  const row = look(table, key);
  if (row === null || row === undefined) return undefined;
  return JSON.parse(row);
}

function look(table, key) {
  try {
    return host().lookup(table, key);
  } catch (thrown) {
    const problem = PROBLEMS[thrown?.payload?.tag ?? thrown?.tag ?? thrown];
    if (problem === undefined) throw thrown;
    throw new SdkError("table", `table \`${table}\`: ${problem(table)}`);
  }
}
