// The whole of docs/SIGNALING.md on a plain WebSocket at /ws, by the npm package ws; and frames that are no commands.
//
//     node ws.mjs URL [the options of probe.mjs]

import assert from "node:assert/strict";
import { CLOSED, closeAll, plain } from "./lib/clients.mjs";
import { join, memberHeardNothing, newRoom } from "./lib/expect.mjs";
import { LOST_SETTINGS, lostCases } from "./lib/lost.mjs";
import { commandLine, fact, runCases } from "./lib/report.mjs";
import { pair, SETTINGS, tableCases } from "./lib/table.mjs";

const [url, settings] = commandLine(["URL"], { ...SETTINGS, ...LOST_SETTINGS });
const open = plain(url);

const nested = (depth) => "[".repeat(depth) + "]".repeat(depth);

const FRAMES = {
  binary: Buffer.from('["join","a"]'),
  binary_noise: Buffer.from([0, 255, 254, 1]),
  empty: "",
  not_json: "join a",
  half_json: '["join","a"',
  two_values: '["leave","a"]["leave","a"]',
  object: '{"event":"join","room":"a"}',
  string: '"join"',
  number: "1e999",
  null: "null",
  empty_array: "[]",
  name_is_number: '[1,"a"]',
  name_is_array: '[["join"],"a"]',
  name_is_null: '[null,"a"]',
  deep_array: nested(30_000),
  deep_argument: `["message","a",{"type":"x","deep":${nested(20_000)}}]`,
  lone_surrogate: '["join","\\ud800"]',
  nul: '["join\\u0000","a"]',
  large: `["message","a",{"type":"x","data":"${"x".repeat(100_000)}"}]`,
  huge: `["message","a",{"type":"x","data":"${"x".repeat(2_000_000)}"}]`,
  huge_binary: Buffer.alloc(2_000_000),
};

/** Answered by sig_error, or by a close that names a reason; never by silence, a mere end, or anything else. */
async function judgeFrame(name, frame) {
  const client = await open({ label: name });
  client.sendRaw(frame);
  const [event, ...args] = await client.next();
  if (event === CLOSED) {
    const [code] = args;
    // Of megabytes that are still on their way, TCP makes a reset, which can overtake the reason.
    const reasons = name.startsWith("huge") ? [1006, 1009] : [1003, 1007, 1008, 1009];
    assert.ok(reasons.includes(code), `${name}: closed with ${args.join(" ")}`);
    return `close ${args.join(" ").trim()}`;
  }
  assert.equal(event, "sig_error", `${name}: came ${event}`);
  assert.equal(typeof args[0].message, "string", name);
  const [, after] = await Promise.race([client.next(300).catch(() => []), stillServes(client).then(() => [])]);
  return after === undefined ? `sig_error ${args[0].code}` : `sig_error ${args[0].code}, close ${after}`;
}

async function stillServes(client) {
  const room = newRoom();
  client.send("leave", room);
  await client.expect("leaved", 250);
}

const frames = {
  async malformed_frames() {
    const [alice, bob, room] = await pair(open, settings);
    const faults = [];
    for (const [name, frame] of Object.entries(FRAMES)) {
      await judgeFrame(name, frame).then((answer) => fact(`frame_${name}`, answer), (error) => faults.push(error.message));
    }
    assert.deepEqual(faults, []);
    await memberHeardNothing(alice, room);
    await memberHeardNothing(bob, room);
    await join(await open(), newRoom(), { count: 1 });
    closeAll();
  },

  /** A text frame that is no UTF-8 is a fault of the WebSocket itself. */
  async not_utf8() {
    const client = await open();
    client.socket._socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]));
    const [event, code] = await client.next();
    assert.equal(event, CLOSED);
    assert.ok([1003, 1007, 1008].includes(code), `closed with ${code}`);
    await pair(open, settings);
    closeAll();
  },

  /** Whitespace around and between is JSON as well. */
  async spaced_json() {
    const client = await open();
    const room = newRoom();
    client.sendRaw(` [ "join" ,\n"${room}" , { } ] `);
    await client.expect("joined");
    client.close();
  },
};

await runCases({ ...tableCases(open, settings), ...lostCases(open, settings), ...frames }, settings);
