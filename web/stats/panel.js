// @ts-check
/** The statistics of a connection. */

export class StatsPanel {
  /** @param {HTMLElement} container */
  constructor(container) {
    this.container = container;
  }

  /** @param {RTCPeerConnection | null} _connection */
  watch(_connection) {}
}
