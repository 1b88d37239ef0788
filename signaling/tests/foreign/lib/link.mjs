// A TCP hop between a client and the server that can be cut as a network is: no close frame, no goodbye.

import { connect, createServer } from "node:net";
import { once } from "node:events";

export class Link {
  #server;
  #sockets = new Set();

  /** @param {string} target a URL; the link's own `url` is the same with another port */
  static async to(target) {
    const link = new Link();
    const { hostname, port, protocol } = new URL(target);
    const host = hostname.replace(/^\[|\]$/g, "");
    const remotePort = Number(port) || (/^(https|wss):/.test(protocol) ? 443 : 80);
    link.#server = createServer((near) => link.#join(near, connect(remotePort, host)));
    link.#server.listen(0, host);
    await once(link.#server, "listening");
    const url = new URL(target);
    url.port = String(link.#server.address().port);
    link.url = url.href;
    return link;
  }

  #join(near, far) {
    for (const [one, other] of [[near, far], [far, near]]) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => { this.#sockets.delete(one); other.destroy(); });
    }
  }

  /** Nothing passes any more, and neither end is told. */
  freeze() {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** Every connection ends at once, by a reset or by a mere end of the stream; there will be no new one. */
  cut({ reset = true } = {}) {
    this.#server.close();
    for (const socket of this.#sockets) {
      if (reset) socket.resetAndDestroy();
      else socket.destroy();
    }
  }
}
