// Every cell of the table in docs/SIGNALING.md, for any client: `cases(open, settings)` gives them by name.

import assert from "node:assert/strict";
import { closeAll } from "./clients.mjs";
import {
  hearsBye, hearsMessage, hearsNewcomer, isDisconnected, join, memberHeardNothing, newRoom, outsiderHeardNothing, refused,
} from "./expect.mjs";
import { fact } from "./report.mjs";

/** What the command line can change. */
export const SETTINGS = { only: "", spellings: "both", fits: 32_768, toolarge: 1_000_000, strikes: 300 };

const OFFER = { type: "offer", sdp: "v=0\r\n".repeat(1100) };

export function tableCases(open, settings) {
  const cases = { ...joining(open, settings), ...leaving(open, settings), ...messages(open, settings), ...refusals(open, settings) };
  return Object.fromEntries(Object.entries(cases).map(([name, run]) => [name, () => run().finally(closeAll)]));
}

/** Two members of a new room: `[alice, bob, room]`, each with its `me`. */
export async function pair(open, { spellings = "both", bobs = {}, options } = {}) {
  const room = newRoom();
  const alice = await open({ label: "alice" });
  const bob = await open({ label: "bob", ...bobs });
  alice.me = await join(alice, room, { count: 1, peers: [], polite: false, resumed: false });
  bob.me = await join(bob, room, { count: 2, peers: [alice.me.id], polite: true, resumed: false }, options);
  assert.notEqual(alice.me.id, bob.me.id, "ids");
  assert.notEqual(alice.me.resume, bob.me.resume, "secrets");
  await hearsNewcomer(alice, room, bob.me.id, 2, spellings);
  return [alice, bob, room];
}

function joining(open, { spellings }) {
  return {
    async join_two() {
      const [alice, bob, room] = await pair(open, { spellings });
      await memberHeardNothing(alice, room);
      await memberHeardNothing(bob, room);
    },

    async join_full() {
      const [alice, bob, room] = await pair(open, { spellings });
      const carol = await open({ label: "carol" });
      carol.send("join", room);
      const args = await carol.expect("full");
      assert.equal(args.length, 2, "full has two arguments");
      assert.equal(args[0], room);
      assert.ok(typeof args[1] === "string" && args[1], "full has an id");
      await memberHeardNothing(alice, room);
      await memberHeardNothing(bob, room);
      carol.send("message", room, OFFER);
      await refused(carol, "not_in_room", "message", room);
      await outsiderHeardNothing(carol, room);
      await memberHeardNothing(bob, room);
      // It is in no room: it may join another, and this one when there is a place.
      await join(carol, newRoom(), { count: 1 });
    },

    async join_full_then_free() {
      const [alice, bob, room] = await pair(open, { spellings });
      const carol = await open({ label: "carol" });
      carol.send("join", room);
      await carol.expect("full");
      alice.send("leave", room);
      await alice.expect("leaved");
      await hearsBye(bob, room, alice.me.id, "leave");
      const me = await join(carol, room, { count: 2, peers: [bob.me.id], polite: true });
      await hearsNewcomer(bob, room, me.id, 2, spellings);
      // Bob came second once, but is first now: of two ends exactly one gives way.
      await join(bob, room, { id: bob.me.id, count: 2, peers: [me.id], polite: false });
    },

    async join_again() {
      const [alice, bob, room] = await pair(open, { spellings });
      const { id, resume } = bob.me;
      await join(bob, room, { id, count: 2, peers: [alice.me.id], polite: true, resume });
      await join(bob, room, { id, resume }, {});
      await join(bob, room, { id, resume }, { colour: "green" });
      await memberHeardNothing(alice, room);
    },

    async join_other_room() {
      const [alice, bob, room] = await pair(open, { spellings });
      const other = newRoom();
      bob.send("join", other);
      await refused(bob, "already_in_room", "join", other);
      await memberHeardNothing(alice, room);
      bob.send("message", room, OFFER);
      await hearsMessage(alice, room, OFFER, bob.me.id);
      await join(await open(), other, { count: 1, peers: [] });
    },

    async join_names() {
      const client = await open();
      for (const room of ["a", "-", "_", "0", "AZaz09_-", "x".repeat(64), "__proto__", "constructor", "null"]) {
        await join(client, room, { count: 1 });
        client.send("leave", room);
        await client.expect("leaved");
      }
    },
  };
}

function leaving(open, { spellings }) {
  return {
    async leave() {
      const [alice, bob, room] = await pair(open, { spellings });
      bob.send("leave", room);
      assert.deepEqual(await bob.expect("leaved"), [room, bob.me.id], "leaved");
      await hearsBye(alice, room, bob.me.id, "leave");
      bob.send("message", room, OFFER);
      await refused(bob, "not_in_room", "message", room);
      await memberHeardNothing(alice, room);
      // Back again, and again the others hear it.
      const back = await join(bob, room, { count: 2, peers: [alice.me.id], polite: true });
      await hearsNewcomer(alice, room, back.id, 2, spellings);
    },

    async leave_in_no_room() {
      const [alice, bob, room] = await pair(open, { spellings });
      const stranger = await open({ label: "stranger" });
      await outsiderHeardNothing(stranger, room);
      await outsiderHeardNothing(stranger, newRoom());
      await memberHeardNothing(alice, room);
      await memberHeardNothing(bob, room);
    },

    async leave_other_room() {
      const [alice, bob, room] = await pair(open, { spellings });
      const [carol, dave, other] = await pair(open, { spellings });
      bob.send("leave", other);
      await refused(bob, "not_in_room", "leave", other);
      await memberHeardNothing(alice, room);
      await memberHeardNothing(carol, other);
      await memberHeardNothing(dave, other);
      bob.send("message", room, OFFER);
      await hearsMessage(alice, room, OFFER, bob.me.id);
    },

    async room_ends_with_last_member() {
      const [alice, bob, room] = await pair(open, { spellings });
      alice.send("leave", room);
      await alice.expect("leaved");
      await hearsBye(bob, room, alice.me.id, "leave");
      bob.send("leave", room);
      await bob.expect("leaved");
      await join(await open(), room, { count: 1, peers: [], polite: false });
    },

    async close_is_lost_at_once() {
      for (const options of [undefined, { resume: true }]) {
        const [alice, bob, room] = await pair(open, { spellings, options });
        const closed = Date.now();
        bob.close();
        await hearsBye(alice, room, bob.me.id, "lost", 2000);
        const took = Date.now() - closed;
        fact(options ? "bye_after_close_resume_ms" : "bye_after_close_ms", took);
        assert.ok(took < 1000, `bye came ${took} ms after the close`);
        await memberHeardNothing(alice, room);
      }
    },
  };
}

function messages(open, { spellings, fits, toolarge }) {
  return {
    async message() {
      const [alice, bob, room] = await pair(open, { spellings });
      const data = [
        OFFER,
        { type: "candidate", label: 0, id: "0", candidate: "candidate:1 1 udp 2130706431 192.0.2.1 9 typ host" },
        { type: "", nothing: null, list: [1, -0.5, 1e300, [], {}], big: Number.MAX_SAFE_INTEGER, text: "房间 \u{1f600} \u0000\u2028\"\\" },
        { type: "x", constructor: { a: 1 }, from: "forged", "": true },
        JSON.parse('{"type":"x","__proto__":{"polluted":true}}'),
      ];
      for (const one of data) {
        bob.send("message", room, one);
        await hearsMessage(alice, room, one, bob.me.id);
      }
      alice.send("message", room, OFFER, { from: bob.me.id });
      await hearsMessage(bob, room, OFFER, alice.me.id);
      await memberHeardNothing(alice, room);
      await memberHeardNothing(bob, room);
    },

    async message_order() {
      const [alice, bob, room] = await pair(open, { spellings });
      for (let burst = 0; burst < 3; burst += 1) {
        const sent = [OFFER, ...Array.from({ length: 14 }, (_, label) => ({ type: "candidate", burst, label }))];
        sent.forEach((data) => bob.send("message", room, data));
        for (const data of sent) await hearsMessage(alice, room, data, bob.me.id);
      }
      // Commands of different kinds keep their order too.
      bob.send("message", room, { type: "last" });
      bob.send("leave", room);
      bob.send("join", room);
      await hearsMessage(alice, room, { type: "last" }, bob.me.id);
      await hearsBye(alice, room, bob.me.id, "leave");
      await bob.expect("leaved");
      const [, id] = await bob.expect("joined");
      await hearsNewcomer(alice, room, id, 2, spellings);
    },

    async message_to() {
      const [alice, bob, room] = await pair(open, { spellings });
      const [carol] = await pair(open, { spellings });
      bob.send("message", room, OFFER, { to: alice.me.id });
      await hearsMessage(alice, room, OFFER, bob.me.id);
      for (const to of [bob.me.id, "nobody", "", carol.me.id, "__proto__"]) {
        bob.send("message", room, OFFER, { to });
        await refused(bob, "no_peer", "message", room);
      }
      await memberHeardNothing(alice, room);
      carol.nothingWaits();
    },

    async message_alone() {
      const room = newRoom();
      const alice = await open({ label: "alice" });
      await join(alice, room);
      // no_peer costs no strike, however often.
      for (let i = 0; i < 60; i += 1) {
        alice.send("message", room, OFFER);
        await refused(alice, "no_peer", "message", room);
      }
    },

    async message_of_stranger() {
      const [alice, bob, room] = await pair(open, { spellings });
      const stranger = await open({ label: "stranger" });
      stranger.send("message", room, OFFER);
      await refused(stranger, "not_in_room", "message", room);
      stranger.send("message", room, OFFER, { to: bob.me.id });
      await refused(stranger, "not_in_room", "message", room);
      await join(stranger, newRoom());
      stranger.send("message", room, OFFER);
      await refused(stranger, "not_in_room", "message", room);
      await memberHeardNothing(alice, room);
      await memberHeardNothing(bob, room);
    },

    async message_fits() {
      const [alice, bob, room] = await pair(open, { spellings });
      const data = { type: "offer", sdp: "s".repeat(fits - 100) };
      bob.send("message", room, data);
      await hearsMessage(alice, room, data, bob.me.id);
    },

    /** Refused by the hub, or already by the transport, which can only end the connection. */
    async message_too_large() {
      const [alice, bob, room] = await pair(open, { spellings });
      bob.send("message", room, { type: "offer", sdp: "s".repeat(toolarge) });
      const [name, ...args] = await bob.next();
      fact("too_large", name === "sig_error" ? args[0].code : `${name} ${args.join(" ")}`);
      if (name === "sig_error") {
        assert.ok(["too_large", "disconnected"].includes(args[0].code), `code ${args[0].code}`);
      }
      const [heard, ...what] = await (name === "sig_error" && args[0].code === "too_large"
        ? (bob.send("leave", room), alice.next())
        : alice.next());
      assert.equal(heard, "bye", `alice heard ${heard} ${JSON.stringify(what).slice(0, 200)}`);
      await join(await open(), room, { count: 2 });
    },
  };
}

const NOT_ROOMS = [
  "", " ", "a b", "a/b", "a.b", "ä", "房间", "a\n", "\u0000", "../x", "<b>", "x".repeat(65), "x".repeat(5000), "a\u200b", "%41",
  7, 0, -1.5, null, true, [], ["a"], {}, { room: "a" },
];
const NOT_OPTIONS = [
  7, "x", null, true, [], { token: 5 }, { token: ["a"] }, { resume: 5 }, { resume: {} }, { seen: "1" }, { seen: -1 }, { seen: 1.5 }, { seen: true },
];
const NOT_DATA = [undefined, 7, "text", null, true, [], [{ type: "offer" }], {}, { type: 5 }, { type: null }, { Type: "offer" }];
const NOT_TO = [7, "x", null, [], { to: 5 }, { to: true }, { to: ["a"] }];

/** Argument lists that are wrong whatever the state. */
function badCommands(room) {
  const message = NOT_DATA.map((data) => (data === undefined ? ["message", room] : ["message", room, data]));
  return [
    ...["join", "leave", "message"].map((command) => [command]),
    ...NOT_ROOMS.flatMap((name) => [["join", name], ["leave", name], ["message", name, { type: "offer" }]]),
    ...NOT_OPTIONS.map((options) => ["join", room, options]),
    ...message,
    ...NOT_TO.map((to) => ["message", room, { type: "offer" }, to]),
    ["join", room, {}, {}],
    ["join", room, {}, 1, 2, 3],
    ["leave", room, {}],
    ["leave", room, room],
    ["message", room, { type: "offer" }, {}, {}],
  ];
}

/** Sends the commands, four a connection, which has only so many strikes; `judge` awaits each answer. */
async function fourAtATime(open, commands, room, judge) {
  for (let i = 0; i < commands.length; i += 4) {
    const client = await open({ label: "striker" });
    const me = room && (await join(client, room, { count: 1 }));
    for (const command of commands.slice(i, i + 4)) {
      client.send(...command);
      await judge(client, command);
    }
    // Still what it was, and nothing else came.
    if (me) await join(client, room, { id: me.id, count: 1 });
    await outsiderHeardNothing(client, room ?? newRoom());
    client.close();
  }
}

async function isBadArguments(client, [name, ...args]) {
  try {
    await refused(client, "bad_args", name);
  } catch (error) {
    error.message = `${name}(${JSON.stringify(args).slice(1, 80)}): ${error.message}`;
    throw error;
  }
}

function refusals(open, { spellings, strikes }) {
  return {
    async bad_args_outside() {
      const commands = badCommands(newRoom());
      await fourAtATime(open, commands, undefined, isBadArguments);
      fact("bad_args", commands.length);
    },

    async bad_args_inside() {
      const room = newRoom();
      await fourAtATime(open, badCommands(room), room, isBadArguments);
    },

    async unknown_command() {
      const names = ["hello", "Join", "JOIN", "join ", "joined", "full", "sig_error", "toString", "__proto__", "消息", "x".repeat(300)];
      await fourAtATime(open, names.map((name) => [name, "a", 1]), undefined, async (client, [name]) => {
        const [error] = await client.expect("sig_error");
        assert.equal(error.code, "unknown_command", name);
        assert.ok(name.startsWith(error.event.replace(/…$/, "")), `sig_error names ${error.event}, not ${name}`);
      });
      const [alice, bob, room] = await pair(open, { spellings });
      bob.send("shout", room, OFFER);
      await refused(bob, "unknown_command", "shout");
      await memberHeardNothing(alice, room);
      await memberHeardNothing(bob, room);
    },

    /** After too many faults the server says why and ends it; the others hear that. */
    async strikes() {
      const [alice, bob, room] = await pair(open, { spellings });
      for (let sent = 1; ; sent += 1) {
        assert.ok(sent <= strikes, `still connected after ${strikes} strikes`);
        bob.send("hello");
        const [name, error] = await bob.next();
        assert.equal(name, "sig_error", `strike ${sent}: came ${name} without a reason`);
        if (error.code === "disconnected") {
          fact("strikes", sent);
          assert.ok(error.message.length > 3, "a reason in words");
          break;
        }
        assert.equal(error.code, "unknown_command");
      }
      await isDisconnected(bob);
      await hearsBye(alice, room, bob.me.id, "lost");
      await memberHeardNothing(alice, room);
    },
  };
}
