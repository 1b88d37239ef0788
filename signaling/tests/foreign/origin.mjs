// Whose pages may talk to the server: those of its own host, those it was told to allow, and programs, which name no origin.
//
//     node origin.mjs URL [--allowed ORIGIN]
//
// ORIGIN: one that the server was told to allow.

import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { WebSocket } from "ws";
import { commandLine, runCases } from "./lib/report.mjs";

const [url, { allowed, only }] = commandLine(["URL"], { allowed: "", only: "" });
const own = new URL(url).origin;
const { host, port, protocol } = new URL(url);

const FOREIGN = [
  "http://evil.example", "https://evil.example", "null", "", `${own}.evil.example`, `https://evil.example:${port}`, `${own}0`,
  `${protocol}//evil@${host}`, `http://evil.example/?${host}`, `http://evil.example#${host}`, host, "file://", "http://", "x",
  `${own}, http://evil.example`, `http://localhost.${host}`,
];

/** Not fetch: it would not send these headers. Only the head of the answer is waited for. */
function get(path, headers, method = "GET") {
  const request = protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    request(new URL(path, url), { method, headers }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode, headers: answer.headers });
    }).on("error", reject).end();
  });
}

/** 101, or the status that the handshake was refused with. */
function upgrade(path, headers) {
  const socket = new WebSocket(new URL(path, url.replace(/^http/, "ws")), { headers });
  return new Promise((resolve, reject) => {
    socket.on("open", () => { socket.terminate(); resolve({ status: 101, headers: {} }); });
    socket.on("unexpected-response", (_, answer) => { answer.resume(); resolve({ status: answer.statusCode, headers: answer.headers }); });
    socket.on("error", reject);
  });
}

const WAYS = {
  polling_3: [(headers) => get("/socket.io/?EIO=3&transport=polling", headers), 200],
  polling_4: [(headers) => get("/socket.io/?EIO=4&transport=polling", headers), 200],
  websocket_3: [(headers) => upgrade("/socket.io/?EIO=3&transport=websocket", headers), 101],
  websocket_4: [(headers) => upgrade("/socket.io/?EIO=4&transport=websocket", headers), 101],
  ws: [(headers) => upgrade("/ws", headers), 101],
  // Without a secret, or without TURN: what a program would be told.
  turn: [(headers) => get("/api/turn", headers), [401, 404]],
};

const cases = {};
for (const [name, [attempt, success]] of Object.entries(WAYS)) {
  const accepted = [success].flat();
  cases[`${name}_foreign`] = async () => {
    const faults = [];
    for (const origin of FOREIGN) {
      const { status, headers } = await attempt({ Origin: origin });
      if (status !== 403) faults.push(`Origin ${JSON.stringify(origin)}: ${status}`);
      if (headers["access-control-allow-origin"]) faults.push(`Origin ${JSON.stringify(origin)}: a page may read the answer`);
    }
    assert.deepEqual(faults, []);
  };
  cases[`${name}_own`] = async () => {
    for (const headers of [{}, { Origin: own }]) {
      const { status } = await attempt(headers);
      assert.ok(accepted.includes(status), `${JSON.stringify(headers)}: ${status}`);
    }
  };
  if (!allowed) continue;
  cases[`${name}_allowed`] = async () => {
    const { status, headers } = await attempt({ Origin: allowed });
    assert.ok(accepted.includes(status), `Origin ${allowed}: ${status}`);
    // Only the client's own page reads what polling answers; a WebSocket needs no header.
    if (name.startsWith("polling")) {
      assert.equal(headers["access-control-allow-origin"], allowed);
      assert.equal(headers["access-control-allow-credentials"], "true"); // Client 2 asks with credentials.
    }
  };
}

/** A session that is open is no way in for a foreign page either. */
cases.polling_session_foreign = async () => {
  const text = await (await fetch(new URL("/socket.io/?EIO=4&transport=polling", url))).text();
  const { sid } = JSON.parse(text.slice(1));
  for (const method of ["GET", "POST"]) {
    const { status } = await get(`/socket.io/?EIO=4&transport=polling&sid=${sid}`, { Origin: "http://evil.example" }, method);
    assert.equal(status, 403, method);
  }
};

/** The question that a browser asks first. */
cases.preflight_foreign = async () => {
  for (const path of ["/socket.io/?EIO=4&transport=polling", "/api/turn"]) {
    const { headers } = await get(path, { Origin: "http://evil.example", "Access-Control-Request-Method": "POST" }, "OPTIONS");
    assert.equal(headers["access-control-allow-origin"], undefined, path);
  }
};

await runCases(cases, { only });
