// Calls between two browsers on our own page, through turnd.
//
//     node call.mjs BROWSER-A BROWSER-B PAGE-URL SCENARIO [--relay yes|no] [--ca FILE] [--life SECONDS]
//
// BROWSER: path of a Chromium or a Firefox. --ca: a root that the browsers shall trust. --life: of the TURN credentials.
// SCENARIO: basic, tab, full, third (wants a server for three), xss, expiry, or restart, which prints waiting=restart, then wants a line on stdin when the
// server is back. See lib/scenarios.mjs.

import { launch } from "./lib/browsers.mjs";
import { Visitor } from "./lib/visitor.mjs";
import { commandLine, runCases } from "./lib/report.mjs";
import { scenarios } from "./lib/scenarios.mjs";

const [programA, programB, url, scenario, settings] = commandLine(
  ["BROWSER-A", "BROWSER-B", "PAGE-URL", "SCENARIO"],
  { relay: "yes", ca: "", life: 0 },
);

async function run() {
  const browsers = [await launch(programA, settings.ca)];
  try {
    browsers.push(programB === programA ? browsers[0] : await launch(programB, settings.ca));
    const visit = (which) => Visitor.visit(browsers[which], url, settings.relay === "yes");
    await scenarios[scenario]({ visit, url, ...settings });
  } finally {
    await Promise.all([...new Set(browsers)].map((browser) => browser.close()));
  }
}

if (!(scenario in scenarios)) {
  console.error(`no scenario ${scenario}; there are ${Object.keys(scenarios).join(", ")}`);
  process.exit(2);
}
await runCases({ [scenario]: run }, { seconds: 50 + 3 * settings.life });
