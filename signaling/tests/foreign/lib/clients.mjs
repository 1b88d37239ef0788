// One face for clients that others wrote: socket.io-client 2, 3 and 4, and a plain WebSocket on /ws.

import assert from "node:assert/strict";
import { WebSocket } from "ws";
import { Link } from "./link.mjs";
import { within } from "./report.mjs";

const PATIENCE_MS = 5000;
/** What `next` returns when the connection has ended. */
export const CLOSED = "(closed)";

/** What came in is taken out in order, one by one: nothing that the server sends can go unnoticed. */
class Client {
  #received = [];
  #wake = () => {};
  label = "client";

  receive(...event) {
    this.#received.push(event);
    this.#wake();
  }

  /** The next event, `[name, ...arguments]`, whatever it is. */
  async next(patience = PATIENCE_MS) {
    if (!this.#received.length) {
      await within(patience, `${this.label}: the next event`, new Promise((resolve) => (this.#wake = resolve)));
    }
    return this.#received.shift();
  }

  /** The next event's arguments; it must have this name. */
  async expect(name, patience) {
    const [came, ...args] = await this.next(patience);
    assert.equal(came, name, `${this.label}: expected ${name}, came ${came} ${JSON.stringify(args)}`);
    return args;
  }

  /** Fails if something is waiting that nobody asked for. */
  nothingWaits() {
    assert.deepEqual(this.#received, [], `${this.label}: more came`);
  }

  waiting() {
    return this.#received.length;
  }
}

class SocketIo extends Client {
  constructor(socket, link) {
    super();
    Object.assign(this, { socket, link });
    // The one place that every event passes in all three versions; only 3 and later have onAny.
    const deliver = socket.onevent;
    socket.onevent = (packet) => {
      this.receive(...packet.data);
      deliver.call(socket, packet);
    };
    socket.on("disconnect", (reason) => this.receive(CLOSED, reason));
  }

  send(...event) {
    this.socket.emit(...event);
  }

  /** The one argument that the callback is called with. */
  ask(...event) {
    const answer = new Promise((resolve, reject) => {
      let calls = 0;
      this.socket.emit(...event, (...args) => {
        calls += 1;
        if (calls > 1) reject(new Error(`${event[0]}: the callback was called ${calls} times`));
        if (args.length !== 1) reject(new Error(`${event[0]}: the callback got ${args.length} arguments`));
        resolve(args[0]);
      });
    });
    return within(PATIENCE_MS, `${this.label}: the answer to ${event[0]}`, answer);
  }

  transport() {
    return this.socket.io.engine.transport.name;
  }

  closeFrame(code) {
    this.socket.io.engine.transport.ws.close(code);
  }

  close() {
    this.socket.disconnect();
  }
}

class PlainWebSocket extends Client {
  constructor(socket, link) {
    super();
    Object.assign(this, { socket, link });
    socket.on("message", (data, binary) => {
      const event = binary ? undefined : JSON.parse(String(data));
      const proper = Array.isArray(event) && typeof event[0] === "string";
      this.receive(...(proper ? event : ["(not an event)", String(data)]));
    });
    socket.on("close", (code, reason) => this.receive(CLOSED, code, String(reason)));
    socket.on("error", () => {}); // "close" follows.
  }

  send(...event) {
    this.sendRaw(JSON.stringify(event));
  }

  sendRaw(frame) {
    this.socket.send(frame);
  }

  transport() {
    return "websocket";
  }

  closeFrame(code) {
    this.socket.close(code);
  }

  close() {
    this.socket.close();
  }
}

const open = new Set();

/** Ends what the last case left open. */
export function closeAll() {
  for (const client of open) client.close();
  open.clear();
}

function opened(client, label) {
  if (label) client.label = label;
  open.add(client);
  return client;
}

/** Opens socket.io clients of one version ("2", "3" or "4") over one transport ("polling", "websocket" or "default"). */
export async function socketIo(url, version, transport) {
  const library = await import(`socket.io-client-${version}`);
  const connect = library.io ?? library.default;
  const transports = transport === "default" ? ["polling", "websocket"] : [transport];
  return async ({ label, link: wanted = false, path = "/", extraHeaders } = {}) => {
    const link = wanted ? await Link.to(url) : undefined;
    const target = new URL(path, link?.url ?? url).href;
    const attempt = async () => {
      const socket = connect(target, { transports, forceNew: true, reconnection: false, timeout: PATIENCE_MS, extraHeaders });
      await within(PATIENCE_MS, `connecting by socket.io-client ${version}`, new Promise((resolve, reject) => {
        socket.on("connect", resolve);
        for (const failure of ["connect_error", "connect_timeout", "error"]) {
          socket.on(failure, (error) => reject(new Error(`${failure}: ${error?.message ?? JSON.stringify(error)} ${error?.description ?? ""}`)));
        }
      }));
      return new SocketIo(socket, link);
    };
    // engineioxide answers 400 to a poll that comes while it takes the same client's WebSocket. A client that may
    // connect again, as all do unless told otherwise, does so by itself; ours is told otherwise.
    const client = await attempt().catch((error) => {
      if (transport === "default" && error.message.endsWith("xhr poll error 400")) return attempt();
      throw error;
    });
    return opened(client, label);
  };
}

/** Opens plain WebSockets on /ws. */
export function plain(url) {
  return async ({ label, link: wanted = false } = {}) => {
    const link = wanted ? await Link.to(url) : undefined;
    const target = new URL("/ws", (link?.url ?? url).replace(/^http/, "ws")).href;
    const socket = new WebSocket(target);
    const client = new PlainWebSocket(socket, link);
    await within(PATIENCE_MS, "connecting to /ws", new Promise((resolve, reject) => {
      socket.on("open", resolve);
      socket.on("error", reject);
    }));
    return opened(client, label);
  };
}
