// The page /test in headless Chromium, against servers with and without faults.
//
//     node tester.mjs CHROMIUM PAGE-URL CASES-JSON
//
// CASES-JSON is {"flags": ["--…"], "cases": [{"name": "wrong-password", "urls": ["turn:…"], "username": "…",
// "credential": "…"}]}; `flags` may be left out. A case with "own": true has no urls: it takes the site's own servers,
// with "guest": {"room": "…", "token": "…"} those of a room that somebody waits in, whom nothing may disturb.
// Prints one line for each URL of each case, `NAME.INDEX=CODE`, where CODE is the page's verdict, then
// `page_errors=NUMBER` and `leaks=NUMBER` (reports that contain a credential). The caller judges.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { closeAll, plain } from "./lib/clients.mjs";
import { join as enter, memberHeardNothing } from "./lib/expect.mjs";

const FLAGS = [
  "--no-sandbox", // Chromium refuses to run as root without it, and CI is root.
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // ICE leaves the loopback interface out of its list of networks; the server under test listens nowhere else.
  "--allow-loopback-in-peer-connection",
];

/** More than the page's own limits for one URL together. */
const LIMIT_PER_URL_MS = 45_000;

const [executablePath, address, given] = process.argv.slice(2);
const { flags = [], cases } = JSON.parse(given);

/** The verdicts of one case, in the order of its URLs, and whether a report told its credential. */
async function run(page, { urls = [], username = "", credential = "", own = false, guest }) {
  await page.goto(guest ? `${address}#${new URLSearchParams(guest)}` : address);
  if (own) {
    await page.check("#source-own");
  } else {
    await page.check("#source-typed");
    await page.fill("#urls", urls.join("\n"));
    await page.fill("#username", username);
    await page.fill("#credential", credential);
  }
  await page.uncheck("#throughput");
  await page.click("#start");
  await page.waitForSelector("body[data-state=done]", { timeout: LIMIT_PER_URL_MS * Math.max(urls.length, 4) });
  const found = await page.$$eval("[data-verdict]", (cards) => cards.map(({ dataset }) => [dataset.url, dataset.verdict]));
  const verdicts = own ? found.map(([, code]) => code) : urls.map((url) => new Map(found).get(url) ?? "missing");
  return { verdicts, isLeaking: found.length > 0 && (await tellsSecret(page, [username, credential, guest?.token ?? ""])) };
}

/** Whether one of `secrets` is in a report or in what is seen. */
async function tellsSecret(page, secrets) {
  const told = [await page.innerText("main")];
  for (const button of ["#save-json", "#save-markdown"]) {
    const [file] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
    told.push(await text(await file.createReadStream()));
  }
  // A short one may be among the page's own words.
  return secrets.some((secret) => secret.length >= 8 && told.some((words) => words.includes(secret)));
}

async function text(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const home = await mkdtemp(join(tmpdir(), "tester-"));
let browser;
try {
  browser = await chromium.launchPersistentContext(home, { executablePath, headless: true, args: [...FLAGS, ...flags] });
  const page = await browser.newPage();
  let errors = 0;
  page.on("pageerror", (error) => {
    errors += 1;
    console.error(error);
  });
  let leaks = 0;
  for (const one of cases) {
    const waiting = one.guest && (await plain(address)());
    if (waiting) await enter(waiting, one.guest.room, {}, { token: one.guest.token });
    const { verdicts, isLeaking } = await run(page, one);
    if (waiting) await memberHeardNothing(waiting, one.guest.room, { token: one.guest.token });
    verdicts.forEach((code, index) => console.log(`${one.name}.${index}=${code}`));
    leaks += Number(isLeaking);
  }
  console.log(`page_errors=${errors}`);
  console.log(`leaks=${leaks}`);
} finally {
  closeAll();
  await browser?.close();
  await rm(home, { recursive: true, force: true });
}
