import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { STRINGS } from "../../../web/shared/strings.js";

const WEB = new URL("../../../web/", import.meta.url);
const file = (/** @type {string} */ name) => readFileSync(new URL(name, WEB), "utf8");

test("the vendored client is the one of the package, and the README tells its version, hash and licence", () => {
  const vendored = readFileSync(new URL("vendor/socket.io.esm.min.js", WEB));
  const packaged = new URL("node_modules/socket.io-client/", import.meta.url);
  assert.ok(vendored.equals(readFileSync(new URL("dist/socket.io.esm.min.js", packaged))));
  assert.equal(file("vendor/socket.io.LICENSE"), readFileSync(new URL("LICENSE", packaged), "utf8"));
  const { version, license } = JSON.parse(readFileSync(new URL("package.json", packaged), "utf8"));
  const hash = createHash("sha256").update(vendored).digest("hex");
  const readme = file("vendor/README.md");
  for (const fact of [version, license, hash]) assert.ok(readme.includes(fact), fact);
});

const scripts = readdirSync(WEB, { recursive: true }).map(String).filter((name) => /\.(js|html)$/.test(name) && !name.startsWith("vendor"));
const sources = scripts.filter((name) => name !== "shared/strings.js").map(file).join("\n");

test("every text is there in both languages, with the same blanks", () => {
  const blanks = (/** @type {string} */ text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
  for (const [key, { en, zh }] of Object.entries(STRINGS)) {
    assert.ok(en.trim() && zh.trim(), key);
    assert.deepEqual(blanks(zh), blanks(en), key);
  }
});

test("every text that a page asks for by its whole name is in the table", () => {
  const named = [...sources.matchAll(/(?:data-(?:text|label|placeholder|title)="|\btext\(")([\w.-]+)"/g)].map(([, key]) => key);
  assert.ok(named.length > 50);
  for (const key of named) assert.ok(key in STRINGS, key);
});

test("every row of the table is used", () => {
  // Some names are put together from a beginning and a word.
  const beginnings = [...sources.matchAll(/[`"]([a-z][\w.-]*\.)(?:\$\{|")/gi)].map(([, beginning]) => beginning);
  for (const key of Object.keys(STRINGS)) {
    const isUsed = sources.includes(`"${key}"`) || beginnings.some((beginning) => key.startsWith(beginning));
    assert.ok(isUsed, `nobody says ${key}`);
  }
});
