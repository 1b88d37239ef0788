// Packets that no client sends, below the level of events: whatever becomes of the connection, the server lives.

import assert from "node:assert/strict";
import { WebSocket } from "ws";
import { closeAll } from "./clients.mjs";
import { memberHeardNothing } from "./expect.mjs";
import { fact, within } from "./report.mjs";
import { pair } from "./table.mjs";

const deep = (depth) => "[".repeat(depth) + "]".repeat(depth);

const PACKETS = [
  "", "x", "9", "6", "5", "3", "1", "0", "2probe", "3probe", "4", "49", "4x", "40{", "40{bad", "40/other,", "40/\u{1f600}", "41/,", "42",
  "42[", "42]", "42{}", "42[]", "42[1]", "42[null]", "42[[]]", '42"join"', '42["join"', '42["join"]x', "42/,[\"join\"]",
  '42999999999999999999["join","a"]', '42-1["join","a"]', "43", "431", "431[]", '43999999999999999999["x"]', "44", '44{"a":1}', "45",
  "45-", "451-", '451-["join",{"_placeholder":true,"num":0}]', '451-["join",{"_placeholder":true,"num":7}]',
  '45999999999-["join"]', '450-["join","a"]', "46", "461-1[]", "4\u{1f600}", "42\u{1f600}", '42["\ud800"]', '42["\\ud800"]', "b", "bAAAA", "b####",
  `42${deep(10_000)}`, `42["message","a",${deep(10_000)}]`, `42["message","a",${'{"type":'.repeat(5000)}1${"}".repeat(5000)}]`,
  `42["${"x".repeat(50_000)}"]`,
];

export function packetCases(url, open) {
  const endpoint = (engine, transport) => new URL(`/socket.io/?EIO=${engine}&transport=${transport}`, url);

  return {
    async malformed_packets() {
      const [alice, bob, room] = await pair(open);
      let closed = 0;
      for (const engine of [3, 4]) {
        for (const packet of [...PACKETS, Buffer.from([0]), Buffer.from([4, 255, 254]), Buffer.alloc(0)]) {
          closed += Number(await closesOn(endpoint(engine, "websocket"), engine, packet));
        }
      }
      fact("malformed_packets", 2 * (PACKETS.length + 3));
      fact("malformed_packets_closed", closed);
      await memberHeardNothing(alice, room);
      await memberHeardNothing(bob, room);
      closeAll();
    },

    async malformed_polling() {
      for (const engine of [3, 4]) {
        for (const body of ["", "x", "4", "99:4", "-1:4", "3:4\u{1f600}", "18446744073709551616:4", "\x1e\x1e", "4\x1e", "\u{1f600}", "1:", ":"]) {
          const { sid } = await handshake(endpoint(engine, "polling"));
          const target = endpoint(engine, "polling");
          target.searchParams.set("sid", sid);
          const { status } = await fetch(target, { method: "POST", body, headers: { "content-type": "text/plain" } });
          assert.ok(status < 500, `POST ${JSON.stringify(body)}: ${status}`);
        }
      }
      for (const [name, value] of [["sid", "nobody"], ["sid", ""], ["transport", "pigeon"], ["transport", ""]]) {
        const target = endpoint(4, "polling");
        target.searchParams.set(name, value);
        const { status } = await fetch(target);
        // An empty sid may count as none.
        assert.ok((status >= 400 && status < 500) || (name === "sid" && !value), `GET with ${name}=${value}: ${status}`);
      }
      await pair(open);
      closeAll();
    },
  };
}

async function handshake(target) {
  const text = await (await fetch(target)).text();
  return JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
}

/** Sends one packet on a new connection, after the namespace is joined; whether the server ended it for that. */
async function closesOn(target, engine, packet) {
  const socket = new WebSocket(target.href.replace(/^http/, "ws"));
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.on("close", () => resolve(true)));
  await within(5000, "connecting", new Promise((resolve) => socket.once("message", resolve)));
  if (engine === 4) {
    socket.send("40");
    await within(5000, "the namespace", new Promise((resolve) => socket.once("message", resolve)));
  }
  socket.send(packet);
  // A connection that lives answers a command.
  socket.send('42["leave","fence"]');
  const answered = new Promise((resolve) => {
    socket.on("message", (text) => String(text).startsWith('42["leaved"') && resolve(false));
  });
  const silence = new Promise((resolve) => setTimeout(resolve, 300, false)); // It waits for attachments, say.
  const ended = await Promise.race([closed, answered, silence]);
  socket.terminate();
  return ended;
}
