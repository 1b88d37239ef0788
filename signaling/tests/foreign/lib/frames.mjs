// What a page's RTCPeerConnection says of its video, and of the way it takes.

import assert from "node:assert/strict";
import { sleep } from "./report.mjs";

/** Runs in the page; `window.connection` is its newest RTCPeerConnection. */
async function readStats() {
  const stats = await window.connection?.getStats();
  const entries = stats ? [...stats.values()] : [];
  const video = entries.find(({ type, kind }) => type === "inbound-rtp" && kind === "video");
  const transport = entries.find(({ type, selectedCandidatePairId }) => type === "transport" && selectedCandidatePairId);
  const pair = transport
    ? stats.get(transport.selectedCandidatePairId)
    : entries.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
  const local = stats?.get(pair?.localCandidateId);
  const remote = stats?.get(pair?.remoteCandidateId);
  return {
    frames: video?.framesDecoded ?? 0,
    local: local?.candidateType,
    // Firefox has the protocol between page and relay here too; Chromium leaves it out for UDP.
    protocol: local?.relayProtocol ?? local?.protocol,
    port: local?.port,
    remote: remote?.candidateType,
    state: window.connection?.connectionState,
  };
}

export const statsOf = (tab) => tab.evaluate(readStats);

/** Both tabs decode more than `least` frames in `ms`; their last statistics. */
export async function framesFlow(tabs, { ms = 2000, least = 10 } = {}) {
  const before = await Promise.all(tabs.map(statsOf));
  await sleep(ms);
  const after = await Promise.all(tabs.map(statsOf));
  return after.map((stats, which) => {
    const decoded = stats.frames - before[which].frames;
    assert.ok(decoded > least, `tab ${which} decoded ${decoded} frames in ${ms} ms; ${JSON.stringify(stats)}`);
    return { ...stats, decoded };
  });
}

/** To be run before the page's own scripts: `window.connection`, `window.connections`, and `window.sockets`. */
export function watchConnections() {
  const Original = window.RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = class extends Original {
    constructor(...args) {
      super(...args);
      window.connection = this;
      window.connections.push(this);
    }

    /** One that never said anything was only a trial of its configuration. */
    close() {
      const isTrial = !this.localDescription && !this.remoteDescription; // Firefox does not tell afterwards.
      super.close();
      if (!isTrial) return;
      window.connections = window.connections.filter((one) => one !== this);
      window.connection = window.connections.at(-1);
    }
  };

  const OriginalSocket = window.WebSocket;
  window.sockets = [];
  window.WebSocket = class extends OriginalSocket {
    constructor(...args) {
      super(...args);
      window.sockets.push(this);
    }
  };
}
