// A page of the old course's shape, with its socket.io-client 2.0.3, in two tabs of Chromium: a whole call by way of the relay.
//
//     node course.mjs CHROMIUM SIGNALING-URL ICE-SERVERS [--port PORT] [--policy relay|all] [--ca FILE]
//
// ICE-SERVERS is the JSON for RTCPeerConnection. The page is served at http://127.0.0.1:PORT, an origin of its own, which
// the server must allow.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { launch } from "./lib/browsers.mjs";
import { newRoom } from "./lib/expect.mjs";
import { framesFlow, watchConnections } from "./lib/frames.mjs";
import { commandLine, fact, runCases, until } from "./lib/report.mjs";

const [chromium, signaling, iceServers, { port, policy, ca }] = commandLine(
  ["CHROMIUM", "SIGNALING-URL", "ICE-SERVERS"],
  { port: 0, policy: "relay", ca: "" },
);

const FILES = {
  "/room.html": ["course/room.html", "text/html"],
  "/main.js": ["course/main.js", "text/javascript"],
  "/socket.io.js": ["node_modules/socket.io-client-2/dist/socket.io.js", "text/javascript"],
};

const pages = createServer(async (request, response) => {
  const [file, type] = FILES[request.url.split("?")[0]] ?? [];
  response.writeHead(file ? 200 : 404, { "content-type": type ?? "text/plain" });
  response.end(file && (await readFile(new URL(file, import.meta.url))));
});
await new Promise((resolve) => pages.listen(port, "127.0.0.1", resolve));

const stateIs = (tab, state) =>
  until(10_000, `state ${state}`, async () => (await tab.evaluate(() => document.body.dataset.state)) === state);

async function wholeCall() {
  const browser = await launch(chromium, ca);
  try {
    await callAndTalk(browser);
  } finally {
    await browser.close();
  }
}

async function callAndTalk(browser) {
  const room = newRoom();
  const enter = async () => {
    const tab = await browser.open(watchConnections);
    await tab.goto(`http://127.0.0.1:${pages.address().port}/room.html?room=${room}&server=${encodeURIComponent(signaling)}`);
    await tab.evaluate((config) => (window.pcConfig = config), {
      iceServers: JSON.parse(iceServers), iceTransportPolicy: policy, bundlePolicy: "max-bundle",
    });
    await tab.click("#connserver");
    return tab;
  };
  const connected = (tab) =>
    until(15_000, "a connection", () => tab.evaluate(() => window.connection?.connectionState === "connected"));
  const talk = async (name, tabs) => {
    await Promise.all(tabs.map(connected));
    const ends = await framesFlow(tabs);
    ends.forEach(({ decoded, local, remote, protocol }, end) => {
      fact(`${name}_${end}_frames`, decoded);
      fact(`${name}_${end}_pair`, `${local}/${protocol}-${remote}`);
      if (policy === "relay") assert.equal(local, "relay");
    });
  };

  const alice = await enter();
  await stateIs(alice, "joined");
  const bob = await enter();
  await stateIs(alice, "joined_conn");
  await stateIs(bob, "joined"); // That page never moves its answering end further.
  await talk("call", [alice, bob]);

  const carol = await enter();
  await stateIs(carol, "leaved");
  await until(2000, "the alert", () => carol.dialogs.includes("the room is full"));
  await framesFlow([alice, bob], { ms: 1000, least: 5 });
  assert.equal(await alice.evaluate(() => window.connections.length), 1, "the call was not disturbed");
  await carol.close();

  await bob.click("#leave");
  await stateIs(bob, "leaved");
  await stateIs(alice, "joined_unbind");
  await bob.click("#connserver");
  await stateIs(alice, "joined_conn");
  await talk("again", [alice, bob]);

  const closed = Date.now();
  await bob.close();
  await stateIs(alice, "joined_unbind");
  fact("bye_after_tab_ms", Date.now() - closed);
  const dave = await enter();
  await talk("third", [alice, dave]);
  assert.deepEqual([...alice.errors, ...bob.errors, ...dave.errors], [], "errors of the pages");
}

await runCases({ course: wholeCall }, { seconds: 100 });
