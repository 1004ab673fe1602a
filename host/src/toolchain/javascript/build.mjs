// Makes a component of a staged policy: strips types, then lets QuickJS take the modules in. Run by javascript.rs.
//
// Its one argument is the staging folder: `berth.js`, `policy/`, `node_modules/`, `allocation.wit`. It writes `policy.wasm`.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import amaro from "amaro";
import { componentize } from "componentize-qjs";

const stage = process.argv[2];

// Types become spaces, so that what a fault tells of lines and columns is true of the source. The error of code that cannot
// be so stripped (an enum, a namespace) says where it is.
function strip(path) {
  const source = readFileSync(path, "utf8");
  try {
    writeFileSync(path, amaro.transformSync(source, { mode: "strip-only", filename: relative(stage, path) }).code);
  } catch (error) {
    throw new Error(`${relative(join(stage, "policy"), path)}: ${error.message}\n${error.snippet ?? ""}`);
  }
}

try {
  for (const entry of readdirSync(join(stage, "policy"), { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && /\.m?ts$/.test(entry.name)) strip(join(entry.parentPath ?? entry.path, entry.name));
  }
  const { component } = await componentize({
    witPath: join(stage, "allocation.wit"),
    jsSource: readFileSync(join(stage, "berth.js"), "utf8"),
    jsPath: join(stage, "berth.js"),
    moduleRoot: stage,
    // Without these two the component would want asynchronous calls and WASI, neither of which a policy has.
    sync: true,
    stubWasi: true,
  });
  writeFileSync(join(stage, "policy.wasm"), component);
} catch (error) {
  console.error(String(error?.message ?? error).replace(/^[:\s]+/, ""));
  process.exitCode = 1;
}
