// The whole of docs/SIGNALING.md as a socket.io client of another's making sees it.
//
//     node probe.mjs URL VERSION TRANSPORT [--only case,case] [--spellings both|otherjoin|other_joined] [--fits BYTES]
//         [--toolarge BYTES] [--strikes AT-MOST] [--grace SECONDS] [--notice MS] [--overflow MESSAGES] [--pace MS]
//         [--capacity MEMBERS]
//
// VERSION: 2, 3 or 4. TRANSPORT: polling, websocket, or default (polling, then an upgrade). The server must allow a client
// some hundred connections in a few seconds. A cut of a polling client is noticed late: those cases are left out there.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeAll, socketIo } from "./lib/clients.mjs";
import { hearsMessage, judgeError, judgeJoined, memberHeardNothing, newRoom, join } from "./lib/expect.mjs";
import { LOST_SETTINGS, lostCases } from "./lib/lost.mjs";
import { packetCases } from "./lib/packets.mjs";
import { commandLine, runCases } from "./lib/report.mjs";
import { pair, SETTINGS, tableCases } from "./lib/table.mjs";

const [url, version, transport, settings] = commandLine(["URL", "VERSION", "TRANSPORT"], { ...SETTINGS, ...LOST_SETTINGS });
const open = await socketIo(url, version, transport);

/** A callback is told what the sender is told, once, after the event. */
const acks = {
  async ack_of_join() {
    const room = newRoom();
    const alice = await open();
    const { event, args, ...more } = await alice.ask("join", room);
    assert.deepEqual([event, more], ["joined", {}]);
    judgeJoined(args, room, { count: 1 });
    assert.deepEqual(await alice.expect("joined"), args, "event and answer are the same");
    const again = await alice.ask("join", room, {});
    assert.deepEqual(await alice.expect("joined"), again.args);
    alice.nothingWaits();

    await join(await open(), room, { count: 2 });
    const carol = await open({ label: "carol" });
    const full = await carol.ask("join", room, { resume: true });
    assert.equal(full.event, "full");
    assert.deepEqual(await carol.expect("full"), full.args);
  },

  async ack_of_leave() {
    const [, bob, room] = await pair(open, settings);
    const left = await bob.ask("leave", room);
    assert.deepEqual(left, { event: "leaved", args: [room, bob.me.id] });
    assert.deepEqual(await bob.expect("leaved"), left.args);
  },

  async ack_of_message() {
    const [alice, bob, room] = await pair(open, settings);
    for (const more of [[], [{ to: alice.me.id }]]) {
      assert.deepEqual(await bob.ask("message", room, { type: "x" }, ...more), { event: "sent", args: [room, 1] });
      await hearsMessage(alice, room, { type: "x" }, bob.me.id);
    }
    await memberHeardNothing(bob, room); // "sent" is an answer only.
  },

  async ack_of_refusals() {
    const room = newRoom();
    const refusals = [
      ["bad_args", "join"], ["bad_args", "join", 5], ["bad_args", "leave"], ["bad_args", "message"], ["bad_args", "message", room],
      ["not_in_room", "message", room, { type: "x" }], ["unknown_command", "hello", room],
    ];
    for (const [code, ...command] of refusals) {
      const client = await open();
      const { event, args, ...more } = await client.ask(...command);
      assert.deepEqual([event, more], ["sig_error", {}]);
      judgeError(args, code, command[0]);
      assert.deepEqual(await client.expect("sig_error"), args, "event and answer are the same");
      client.close();
    }
  },
};

const onlySocketIo = {
  /** Not JSON: an event with attachments. */
  async binary() {
    const [alice, bob, room] = await pair(open, settings);
    bob.send("message", room, { type: "x", bytes: Buffer.from("abc") });
    judgeError(await bob.expect("sig_error"), "bad_args", "message");
    bob.send("join", Buffer.from("room"));
    judgeError(await bob.expect("sig_error"), "bad_args", "join");
    await memberHeardNothing(alice, room);
    await memberHeardNothing(bob, room);
  },

  /** The very first event, sent as soon as the client knows that it is connected, is never lost. */
  async first_event_at_once() {
    for (let attempt = 1; attempt <= 150; attempt += 1) {
      const client = await open({ label: `connection ${attempt}` });
      await join(client, newRoom(), { count: 1 });
      client.close();
    }
  },

  async other_namespace() {
    if (version === "2") return; // That client is connected to / first, and never told.
    await assert.rejects(open({ path: "/other" }), /connect_error/);
  },
};

const closing = (cases) => Object.fromEntries(
  Object.entries(cases).map(([name, run]) => [name, () => run().finally(closeAll)]),
);

await runCases({
  ...tableCases(open, settings),
  ...closing(acks),
  ...closing(onlySocketIo),
  ...(transport === "polling" ? {} : lostCases(open, settings)),
  ...packetCases(url, open),
}, settings);
