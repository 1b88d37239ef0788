// How every script here reports: `name=value` lines, one a case, and an exit code that is zero only if all held.

import { parseArgs } from "node:util";

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {string} name */
export const fact = (name, value) => console.log(`${name}=${value}`);

/** The promise's value, or an error that says what was waited for. */
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Tries again until the condition gives something truthy, which it returns. */
export async function until(ms, what, condition) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(20);
  }
}

/** The command line: exactly the named arguments, and options `--name value` with these defaults, of the default's type. */
export function commandLine(names, defaults = {}) {
  const usage = `usage: ${names.join(" ")} ${Object.keys(defaults).map((name) => `[--${name} …]`).join(" ")}`;
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" }]));
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (positionals.length !== names.length) throw new Error(`${positionals.length} arguments`);
    for (const [name, value] of Object.entries(values)) {
      if (typeof defaults[name] !== "number") continue;
      values[name] = Number(value);
      if (!Number.isFinite(values[name])) throw new Error(`--${name} ${value}: not a number`);
    }
    return [...positionals, { ...defaults, ...values }];
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    return process.exit(2);
  }
}

/** Runs every case, each to its end whatever became of the others, and ends the program. */
export async function runCases(cases, { only = "", seconds = 60 } = {}) {
  const chosen = Object.entries(cases).filter(([name]) => !only || only.split(",").includes(name));
  let failed = chosen.length ? 0 : 1;
  for (const [name, run] of chosen) {
    try {
      await within(seconds * 1000, "the whole case", run());
      fact(name, "ok");
    } catch (error) {
      failed += 1;
      fact(name, `FAILED: ${error.message.replaceAll("\n", " ")}`);
      console.error(`${name}: ${error.stack.split("\n").filter((line) => !line.includes("node_modules")).slice(0, 12).join("\n")}`);
    }
  }
  fact("cases", chosen.length);
  fact("failed", failed);
  process.exit(failed ? 1 : 0);
}
