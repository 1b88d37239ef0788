// One member sends, at an even pace, what the other must get: all of it, once, in order.
//
//     node order.mjs URL VERSION TRANSPORT COUNT [--rate MESSAGES-A-SECOND] [--bytes SIZE] [--receiver VERSION]
//
// VERSION: 2, 3, 4, or ws for /ws. Sending begins at once: with TRANSPORT default that is before and during the upgrade.

import assert from "node:assert/strict";
import { plain, socketIo } from "./lib/clients.mjs";
import { refused } from "./lib/expect.mjs";
import { commandLine, fact, sleep } from "./lib/report.mjs";
import { pair } from "./lib/table.mjs";

const [url, version, transport, countText, { rate, bytes, receiver }] = commandLine(
  ["URL", "VERSION", "TRANSPORT", "COUNT"],
  { rate: 1000, bytes: 200, receiver: "" },
);
const count = Number(countText);
const opener = (which) => (which === "ws" ? plain(url) : socketIo(url, which, transport));
const openBob = await opener(version);
const openAlice = receiver ? await opener(receiver) : openBob;

const [alice, bob, room] = await pair((options) => (options.label === "bob" ? openBob : openAlice)(options));

async function sendAll() {
  const began = performance.now();
  const padding = "p".repeat(bytes);
  for (let number = 0; number < count; ) {
    // At most what is due by now, and never more than a fiftieth of a second's worth at once.
    const due = Math.min(count, Math.floor(((performance.now() - began) / 1000) * rate) + 1, number + Math.ceil(rate / 50));
    for (; number < due; number += 1) bob.send("message", room, { type: "number", number, padding });
    await sleep(5);
    if (bob.waiting()) throw new Error(`refused: ${JSON.stringify(await bob.next())}`);
  }
}

async function receiveAll() {
  const seen = new Uint8Array(count);
  let [last, inversions, twice, wrong] = [-1, 0, 0, 0];
  for (let messages = 0; messages < count; messages += 1) {
    const [named, { number, padding }, { from }] = await alice.expect("message", 10_000).catch((error) => {
      throw new Error(`after ${messages} messages: ${error.message}`);
    });
    if (number < last) inversions += 1;
    twice += seen[number];
    seen[number] = 1;
    wrong += Number(named !== room || from !== bob.me.id || padding.length !== bytes);
    last = number;
  }
  return { inversions, twice, wrong, lost: seen.reduce((lost, one) => lost - one, count) };
}

const began = performance.now();
const [result] = await Promise.all([receiveAll(), sendAll()]).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
fact("messages", count);
fact("seconds", ((performance.now() - began) / 1000).toFixed(1));
for (const [name, value] of Object.entries(result)) fact(name, value);
assert.deepEqual(result, { inversions: 0, twice: 0, wrong: 0, lost: 0 });
bob.send("message", "elsewhere", { type: "x" });
await refused(bob, "not_in_room", "message");
alice.nothingWaits();
process.exit(0);
