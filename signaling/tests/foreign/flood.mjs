// Members that send more than they may, and members that do not read: they lose, and nobody else does.
//
//     node flood.mjs URL VERSION TRANSPORT [--count MESSAGES] [--rate A-SECOND] [--megabytes FOR-A-SLOW-READER] [--connects N]
//
// --rate: the pace at which the server lets one member send, for the slow reader's peer. --connects: more handshakes at once
// than the server takes from one address; with 0 that is not tried. VERSION ws is /ws.

import assert from "node:assert/strict";
import { CLOSED, closeAll, plain, socketIo } from "./lib/clients.mjs";
import { hearsBye, join, memberHeardNothing, newRoom } from "./lib/expect.mjs";
import { commandLine, fact, runCases, sleep } from "./lib/report.mjs";
import { pair } from "./lib/table.mjs";

const [url, version, transport, { count, rate, megabytes, connects, only }] = commandLine(
  ["URL", "VERSION", "TRANSPORT"],
  { count: 5000, rate: 500, megabytes: 48, connects: 0, only: "" },
);
const open = version === "ws" ? plain(url) : await socketIo(url, version, transport);

/** All that comes until nothing more does. */
async function drain(client, quiet = 1000) {
  const events = [];
  for (;;) {
    const event = await client.next(quiet).catch(() => undefined);
    if (!event) return events;
    events.push(event);
  }
}

const cases = {
  async flood() {
    const [alice, bob, room] = await pair(open);
    const [carol, dave, other] = await pair(open);
    for (let number = 0; number < count; number += 1) bob.send("message", room, { type: "number", number });
    dave.send("message", other, { type: "x" });
    await carol.expect("message");

    const told = await drain(bob);
    const heard = await drain(alice);
    const numbers = heard.filter(([name]) => name === "message").map(([, , { number }]) => number);
    const refusals = told.filter(([name, error]) => name === "sig_error" && error.code === "rate_limited").length;
    const end = told.findIndex(([name]) => name === CLOSED);
    fact("flood_delivered", numbers.length);
    fact("flood_refused", refusals);
    fact("flood_disconnected", end >= 0);
    assert.ok(numbers.every((number, at) => at === 0 || number > numbers[at - 1]), "what arrives is in order");
    if (end < 0) {
      assert.equal(numbers.length + refusals, count, "every message is delivered or refused");
      await memberHeardNothing(alice, room);
    } else {
      const [name, error] = told[end - 1] ?? [];
      assert.ok(name === "sig_error" && error.code === "disconnected", `no reason before the end: ${name} ${error?.code}`);
      assert.ok(error.message.length > 3, "a reason in words");
      assert.deepEqual(heard.at(-1), ["bye", room, bob.me.id, { reason: "lost" }]);
    }
    dave.send("message", other, { type: "x" });
    await carol.expect("message");
  },

  async slow_reader() {
    const room = newRoom();
    const bob = await open({ label: "bob" });
    const alice = await open({ label: "alice", link: true });
    const { id } = await join(alice, room);
    await join(bob, room);
    await drain(alice, 200);
    alice.link.freeze();
    const padding = "p".repeat(32_000);
    const messages = Math.ceil((megabytes * 1e6) / padding.length);
    const began = Date.now();
    let sent = 0;
    while (sent < messages && !bob.waiting()) {
      if ((sent * 1000) / rate > Date.now() - began) await sleep(5);
      else bob.send("message", room, { type: "x", number: (sent += 1), padding });
    }
    fact("slow_reader_megabytes", ((sent * padding.length) / 1e6).toFixed(1));
    await hearsBye(bob, room, id, "lost");
    // What was on its way by then found nobody.
    for (const [name, error] of await drain(bob, 300)) assert.deepEqual([name, error.code], ["sig_error", "no_peer"]);
    await memberHeardNothing(bob, room);
  },

  /** Every way to begin something counts, whatever its address looks like. Leaves the address without any for a while. */
  async connect_rate() {
    if (!connects) return;
    const faults = [];
    for (const path of ["/ws", "/ws?sid=x", "/socket.io/?EIO=4&transport=polling"]) {
      const counts = {};
      for (let i = 0; i < connects; i += 1) {
        const { status } = await fetch(new URL(path, url));
        counts[status] = (counts[status] ?? 0) + 1;
      }
      fact(`statuses_of_${path}`, JSON.stringify(counts));
      if (!counts[429]) faults.push(path);
    }
    assert.deepEqual(faults, [], "never refused");
  },
};

await runCases(
  Object.fromEntries(Object.entries(cases).map(([name, run]) => [name, () => run().finally(closeAll)])),
  { only, seconds: 120 },
);
