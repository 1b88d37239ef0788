// @ts-check
/** Which text tells what is going on. */

/** @typedef {import("./machine.js").Model} Model */

/**
 * @param {Model} model
 * @param {RTCPeerConnectionState | null} connection
 * @returns {string} a key of the strings
 */
export function stateKey({ state, doing, was, peer }, connection) {
  if (doing) return `call.doing.${doing}`;
  switch (state) {
    case "joined":
      return peer ? "call.state.joined.two" : "call.state.joined";
    case "joined_conn":
      if (!peer) return "call.state.kept";
      return `call.conn.${connection === "closed" || !connection ? "new" : connection}`;
    case "reconnecting":
      return was === "joined_conn" ? "call.state.reconnecting.conn" : "call.state.reconnecting";
    default:
      return `call.state.${state}`;
  }
}

/** @param {Model} model @param {RTCPeerConnectionState | null} connection @returns {"quiet" | "good" | "warn" | "bad"} */
export function stateMood({ state, doing }, connection) {
  if (doing) return "quiet";
  if (state === "reconnecting") return "warn";
  if (state !== "joined_conn") return "quiet";
  if (connection === "connected") return "good";
  if (connection === "failed") return "bad";
  return connection === "disconnected" ? "warn" : "quiet";
}

const REFUSALS = ["forbidden", "busy", "rate_limited", "bad_args", "disconnected", "too_large"];

/** @param {string} code of a `sig_error` @returns {string} a key of the strings */
export function problemKey(code) {
  return REFUSALS.includes(code) ? `call.problem.${code}` : "call.problem.other";
}

/** @param {RTCIceServer[] | undefined} servers @returns {boolean} whether there is a relay among them */
export function hasRelay(servers) {
  return (servers ?? []).some(({ urls }) => [urls].flat().some((url) => /^turns?:/i.test(url)));
}
