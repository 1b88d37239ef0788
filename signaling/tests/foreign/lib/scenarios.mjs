// What happens to two visitors in a room. Each takes `{visit, url, life}`; `visit(0)` is a tab of the first browser.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { socketIo } from "./clients.mjs";
import { join, newRoom } from "./expect.mjs";
import { framesFlow, statsOf } from "./frames.mjs";
import { fact, sleep, until } from "./report.mjs";
import { talk } from "./visitor.mjs";

async function meet(visit, room = newRoom()) {
  const alice = await visit(0);
  const bob = await visit(1);
  await alice.enter(room);
  await alice.isIn("joined");
  await bob.enter(room);
  const ends = await talk([alice, bob]);
  ends.forEach(({ decoded, local, protocol, remote }, which) => {
    fact(`frames_${which}`, decoded);
    fact(`pair_${which}`, `${local}/${protocol}-${remote}`);
  });
  return [alice, bob, room];
}

export const scenarios = {
  async basic({ visit }) {
    const [alice, bob, room] = await meet(visit);
    await bob.tab.click("#leave");
    await bob.isIn("leaved");
    await alice.isIn("joined_unbind");
    await bob.enter(room);
    await talk([alice, bob]);
    [alice, bob].forEach((visitor) => visitor.assertQuiet());
  },

  async tab({ visit }) {
    const [alice, bob, room] = await meet(visit);
    const closed = Date.now();
    await alice.tab.close();
    await until(10_000, "leaving joined_conn", async () => (await bob.state()) !== "joined_conn");
    const took = Date.now() - closed;
    fact("bye_ms", took);
    assert.ok(took < 1000, `bob learnt it after ${took} ms`);
    assert.equal(await bob.isIn("joined_unbind"), "joined_unbind");
    const carol = await visit(0);
    await carol.enter(room);
    await talk([bob, carol]);
    bob.assertQuiet();
  },

  async full({ visit }) {
    const [alice, bob, room] = await meet(visit);
    const carol = await visit(0);
    await carol.enter(room);
    let told;
    await until(5000, "words for it", async () => /full|满/i.test((told = await carol.status()))).catch((error) => {
      throw new Error(`${error.message}; it says: ${told}`);
    });
    fact("full_told", told.replaceAll(/\s+/g, " "));
    await carol.isIn("leaved", "init");
    assert.equal(await carol.connections(), 0, "no connection for who is not in");
    await framesFlow([alice.tab, bob.tab]);
    assert.equal(await alice.connections(), 1, "the call was not disturbed");
    await alice.tab.click("#leave");
    await alice.isIn("leaved");
    await bob.isIn("joined_unbind");
    await carol.enter(room);
    await talk([bob, carol]);
    [alice, bob, carol].forEach((visitor) => visitor.assertQuiet());
  },

  /** A room for three, and a third member that is no page of ours and calls everybody. */
  async third({ visit, url }) {
    const [alice, bob, room] = await meet(visit);
    const mallory = await (await socketIo(url, "4", "websocket"))({ label: "mallory" });
    await join(mallory, room, { count: 3 });
    const crowd = /more people|不止/;
    for (const visitor of [alice, bob]) await until(5000, "words for it", async () => crowd.test(await visitor.status()));
    for (const type of ["offer", "answer"]) {
      const { event, args } = await mallory.ask("message", room, { type, sdp: "v=0\r\na=fingerprint:sha-256 AA\r\n" });
      assert.deepEqual([event, args], ["sent", [room, 2]]);
    }
    await alice.tab.click("#restart"); // What they say to each other afterwards does not reach the third.
    await framesFlow([alice.tab, bob.tab]);
    for (const visitor of [alice, bob]) assert.equal(await visitor.connections(), 1, "the call was not disturbed");
    mallory.nothingWaits();
    mallory.close();
    for (const visitor of [alice, bob]) await until(5000, "an end of it", async () => !crowd.test(await visitor.status()));
    [alice, bob].forEach((visitor) => visitor.assertQuiet());
  },

  async restart({ visit }) {
    const [alice, bob] = await meet(visit);
    const watch = watchFrames([alice, bob]);
    console.log("waiting=restart");
    await nextLine();
    await Promise.all([alice, bob].map((visitor) => visitor.isIn("joined_conn", "reconnecting")));
    await Promise.all([alice, bob].map((visitor) => visitor.isIn("joined_conn")));
    await sleep(3000);
    report(await watch.end());
    for (const visitor of [alice, bob]) {
      await visitor.isIn("joined_conn");
      fact(`connections_${visitor === alice ? 0 : 1}`, await visitor.connections());
    }
    // The new server knows them, and each other: it tells one of the other's end.
    await alice.tab.close();
    const state = await bob.isIn("joined_unbind");
    assert.equal(state, "joined_unbind");
    bob.assertQuiet();
  },

  async expiry({ visit, life }) {
    assert.ok(life > 0, "--life is missing");
    const [alice, bob] = await meet(visit);
    const tabs = [alice.tab, bob.tab];
    const before = await Promise.all(tabs.map(statsOf));
    const watch = watchFrames([alice, bob]);
    await sleep((life + 2) * 1000);
    // The first credentials are over, and the call is not: it is only new allocations that need new ones.
    await talk([alice, bob]);
    await alice.tab.click("#restart");
    const moved = (stats) => stats.every(({ port }, which) => port && port !== before[which].port);
    const after = await until(15_000, "new relay ports", async () => {
      const stats = await Promise.all(tabs.map(statsOf));
      return moved(stats) && stats;
    });
    await sleep(2000);
    report(await watch.end());
    after.forEach(({ port }, which) => fact(`ports_${which}`, `${before[which].port}-${port}`));
    await talk([alice, bob]);
    assert.equal(await alice.connections(), 1, "an ICE restart, no new connection");
    [alice, bob].forEach((visitor) => visitor.assertQuiet());
  },

  async xss({ visit, url }) {
    const room = newRoom();
    const alice = await visit(0);
    await watchScripts(alice);
    for (const payload of PAYLOADS) {
      await alice.tab.fill("#room", payload);
      await alice.tab.click("#connserver").catch(() => {}); // It may be disabled for such a name.
      await sleep(100);
    }
    for (const payload of PAYLOADS) {
      for (const mark of ["?room=", "#room=", "#", "?x="]) {
        await alice.tab.goto("about:blank");
        await alice.tab.goto(new URL(mark + encodeURIComponent(payload), url).href);
        await sleep(50);
        await ranNothing(alice, `${mark}${payload}`);
      }
    }
    await alice.goto(url);
    await watchScripts(alice);
    await alice.enter(room);
    await alice.isIn("joined");
    await hostilePeer(url, room);
    await sleep(500);
    await ranNothing(alice, "data of a peer");
    await hostileServer(alice, room);
    await sleep(500);
    await ranNothing(alice, "words of a server");
    fact("payloads", PAYLOADS.length);
  },
};

const PAYLOADS = [
  "<img src=x onerror=window.pwned=1>",
  "<script>window.pwned=1</script>",
  "\"><svg onload=window.pwned=1>",
  "javascript:window.pwned=1",
  "';window.pwned=1;//",
  "</title></textarea><iframe srcdoc='<script>parent.pwned=1</script>'>",
  "{{constructor.constructor('window.pwned=1')()}}",
  "__proto__",
];

/** A member of the room that sends the payloads in every place where a page may show something. */
async function hostilePeer(url, room) {
  const mallory = await (await socketIo(url, "4", "websocket"))({ label: "mallory" });
  await join(mallory, room);
  for (const payload of PAYLOADS) {
    const data = [
      { type: payload },
      { type: "offer", sdp: payload },
      { type: "answer", sdp: payload },
      { type: "offer", sdp: { toString: payload } },
      { type: "candidate", label: payload, id: payload, candidate: payload },
      { type: "candidate", label: 0, id: "0", candidate: `candidate:1 1 udp 1 ${payload} 9 typ host` },
      { type: "chat", text: payload, name: payload, html: payload },
    ];
    for (const one of data) mallory.send("message", room, one);
    await sleep(100);
  }
  mallory.close();
}

/** Events that a server of evil intent would send, put into the page's own socket. */
async function hostileServer(visitor, room) {
  const events = PAYLOADS.flatMap((payload) => [
    ["sig_error", { code: payload, event: payload, room: payload, message: payload }],
    ["sig_error", { code: "bad_args", event: "join", room, message: payload }],
    ["other_joined", room, payload, { count: payload }],
    ["message", room, { type: payload }, { from: payload }],
    ["bye", room, payload, { reason: payload }],
    ["turn_refresh", room, { iceServers: [{ urls: payload }], username: payload, uris: [payload], ttl: payload, expires: payload }],
    ["full", payload, payload],
  ]);
  const reached = await visitor.tab.evaluate((list) => {
    const socket = window.sockets?.at(-1);
    for (const event of list) socket?.onmessage?.({ data: `42${JSON.stringify(event)}` });
    return Boolean(socket?.onmessage);
  }, events);
  assert.ok(reached, "the page's WebSocket was not found");
}

/** What a Content-Security-Policy had to stop was an injection all the same. */
function watchScripts(visitor) {
  return visitor.tab.evaluate(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) =>
      window.violations.push(`${violatedDirective} ${blockedURI} ${sample}`));
  });
}

async function ranNothing(visitor, what) {
  const found = await visitor.tab.evaluate(() => ({
    pwned: window.pwned,
    violations: window.violations ?? [],
    elements: document.querySelectorAll("[onerror], [onload], [srcdoc], img[src=x], script:not([src]), a[href^=javascript]").length,
  }));
  assert.deepEqual(found, { pwned: undefined, violations: [], elements: 0 }, what);
  assert.deepEqual(visitor.tab.dialogs, [], what);
}

/** Counts decoded frames all the while; `end()` gives the longest time that a page stood still, in milliseconds. */
function watchFrames(visitors) {
  let running = true;
  const still = visitors.map(() => 0);
  const follow = async ({ tab }, which) => {
    let [last, at] = [-1, Date.now()];
    while (running) {
      const { frames } = await statsOf(tab);
      still[which] = Math.max(still[which], Date.now() - at);
      // Not ">": a new connection counts from nothing.
      if (frames !== last) [last, at] = [frames, Date.now()];
      await sleep(100);
    }
  };
  const watches = Promise.all(visitors.map(follow));
  watches.catch(() => {});
  return {
    async end() {
      running = false;
      await watches;
      return still;
    },
  };
}

function report(still) {
  still.forEach((ms, which) => fact(`still_ms_${which}`, ms));
  still.forEach((ms, which) => assert.ok(ms < 1500, `the video of end ${which} stood still for ${ms} ms`));
}

async function nextLine() {
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) return line;
  throw new Error("stdin ended");
}
