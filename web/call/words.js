// @ts-check
/** Which text tells what is going on. */

/** @typedef {import("./machine.js").Model} Model */
/** @typedef {import("./media.js").Fault} Fault */

const DOING = { media: "call.doing.media", join: "call.doing.join" };

/** @type {Record<RTCPeerConnectionState, string>} */
const CONNECTION = {
  new: "call.conn.new",
  closed: "call.conn.new",
  connecting: "call.conn.connecting",
  connected: "call.conn.connected",
  disconnected: "call.conn.disconnected",
  failed: "call.conn.failed",
};

const PROBLEMS = new Map([
  ["forbidden", "call.problem.forbidden"],
  ["busy", "call.problem.busy"],
  ["rate_limited", "call.problem.rate_limited"],
  ["bad_args", "call.problem.bad_args"],
  ["too_large", "call.problem.too_large"],
  ["disconnected", "call.problem.disconnected"],
]);

/** What keeps this end from sending anything. @type {Record<Fault, string>} */
export const FAULTS = {
  refused: "call.media.refused",
  insecure: "call.media.insecure",
  none: "call.media.none",
  busy: "call.media.busy",
  other: "call.media.other",
};

/** What this end does not send. */
export const MISSING = { video: "call.media.noVideo", audio: "call.media.noAudio" };

/**
 * @param {Model} model
 * @param {RTCPeerConnectionState | null} connection
 * @returns {string} a key of the strings
 */
export function stateKey({ state, doing, was, peer }, connection) {
  if (doing) return DOING[doing];
  switch (state) {
    case "init":
      return "call.state.init";
    case "joined":
      return peer ? "call.state.joined.two" : "call.state.joined";
    case "joined_conn":
      return peer ? CONNECTION[connection ?? "new"] : "call.state.kept";
    case "joined_unbind":
      return "call.state.joined_unbind";
    case "reconnecting":
      return was === "joined_conn" ? "call.state.reconnecting.conn" : "call.state.reconnecting";
    case "leaved":
      return "call.state.leaved";
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

/** @param {string} code of a `sig_error` @returns {string} a key of the strings */
export function problemKey(code) {
  return PROBLEMS.get(code) ?? "call.problem.other";
}

/** @param {RTCIceServer[] | undefined} servers @returns {boolean} whether there is a relay among them */
export function hasRelay(servers) {
  return (servers ?? []).some(({ urls }) => [urls].flat().some((url) => /^turns?:/i.test(url)));
}
