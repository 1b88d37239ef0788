// @ts-check
/** When a connection is to be restarted by itself. */

import { backoff, later as realLater } from "./later.js";

/** A short break usually mends itself. */
const PATIENCE = 3000;

export class Repair {
  #attempts = 0;
  #cancel = () => {};

  /**
   * @param {() => void} restart
   * @param {import("./later.js").Later} later
   */
  constructor(restart, later = realLater) {
    this.restart = restart;
    this.later = later;
  }

  /** @param {RTCPeerConnectionState} state of the connection, now */
  watch(state) {
    this.#cancel();
    if (state === "connected") this.#attempts = 0;
    if (state === "disconnected") this.#cancel = this.later(this.restart, PATIENCE);
    if (state === "failed") {
      // Where no path exists it fails again at once: at first no wait, then longer ones.
      const wait = this.#attempts === 0 ? 0 : backoff(this.#attempts);
      this.#attempts += 1;
      this.#cancel = this.later(this.restart, wait);
    }
  }
}

/**
 * The worse of the two states that a connection has.
 *
 * @param {Pick<RTCPeerConnection, "connectionState" | "iceConnectionState">} connection
 * @returns {RTCPeerConnectionState}
 */
export function overall({ connectionState, iceConnectionState }) {
  if (connectionState === "closed" || connectionState === "failed") return connectionState;
  if (iceConnectionState === "failed" || iceConnectionState === "disconnected") return iceConnectionState;
  return connectionState;
}
