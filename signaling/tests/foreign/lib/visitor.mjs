// Somebody at our page /: what they press, and what they see.

import assert from "node:assert/strict";
import { framesFlow, watchConnections } from "./frames.mjs";
import { until } from "./report.mjs";

const PATIENCE_MS = 15_000;

export class Visitor {
  /** @param {boolean} relay whether the switch "relay only" shall be on */
  static async visit(browser, url, relay) {
    const visitor = new Visitor();
    visitor.tab = await browser.open(watchConnections);
    visitor.relay = relay;
    await visitor.goto(url);
    return visitor;
  }

  async goto(url) {
    await this.tab.goto(url);
    await until(PATIENCE_MS, "the page", async () => (await this.state()) === "init");
    await this.tab.evaluate((wanted) => {
      const relay = document.querySelector("#relayonly");
      if (relay.checked !== wanted) relay.click();
    }, this.relay);
  }

  async enter(room) {
    await this.tab.fill("#room", room);
    await this.tab.click("#connserver");
  }

  state() {
    return this.tab.evaluate(() => document.body?.dataset.state ?? document.documentElement.dataset.state);
  }

  async isIn(...states) {
    let state;
    await until(PATIENCE_MS, `state ${states.join(" or ")}`, async () => states.includes((state = await this.state()))).catch(
      (error) => { throw new Error(`${error.message}; it is ${state}`); },
    );
    return state;
  }

  /** What the page tells without being asked, for a screen reader or an eye. */
  status() {
    return this.tab.evaluate(() =>
      [...document.querySelectorAll("[role=status], [role=alert], [aria-live]")].map((told) => told.textContent.trim()).join(" "));
  }

  connections() {
    return this.tab.evaluate(() => window.connections.length);
  }

  assertQuiet() {
    assert.deepEqual(this.tab.errors, [], "errors of the page");
    assert.deepEqual(this.tab.dialogs, [], "dialogs of the page");
  }
}

/** Both are in the room, and see each other by the relay where that was asked for. */
export async function talk(visitors) {
  for (const visitor of visitors) await visitor.isIn("joined_conn");
  for (const { tab } of visitors) {
    await until(PATIENCE_MS, "a connection", () => tab.evaluate(() => window.connection?.connectionState === "connected"));
  }
  const ends = await framesFlow(visitors.map(({ tab }) => tab));
  ends.forEach(({ local }, which) => {
    // The other's relay may still count as "prflx", if its checks came before its candidate did.
    if (visitors[which].relay) assert.equal(local, "relay", `the way of end ${which}`);
  });
  return ends;
}
