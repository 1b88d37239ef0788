// @ts-check
/** Live statistics of a connection. A placeholder of the interface. */

export class StatsPanel {
  /** @param {HTMLElement} container */
  constructor(container) {
    this.container = container;
  }

  /** @param {RTCPeerConnection | null} connection whose statistics to show from now on */
  watch(connection) {
    this.container.dataset.connection = connection?.connectionState ?? "";
  }
}
