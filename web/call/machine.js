// @ts-check
/**
 * What the call page does when: an event and the state go in, the next state and the actions come out. Nothing
 * here knows the page, the network or the clock.
 */

/** @typedef {"init" | "joined" | "joined_conn" | "joined_unbind" | "leaved" | "reconnecting"} State */
/** @typedef {"joined" | "joined_conn" | "joined_unbind"} InRoom */

/**
 * @typedef {object} Model
 * @property {State} state
 * @property {null | "media" | "join"} doing in init and leaved: what was begun and has not ended
 * @property {null | InRoom} was in reconnecting: the state that the lost connection to the server was in
 * @property {boolean} peer whether somebody else is in the room, as far as is known
 */

/**
 * `alive`: whether the connection to the other person, if there is one, still works.
 *
 * @typedef {{type: "connect" | "connect_receiving" | "leave"}
 *   | {type: "media_ready" | "media_failed"}
 *   | {type: "joined", count: number, resumed: boolean, alive: boolean}
 *   | {type: "other_joined", alive: boolean}
 *   | {type: "message", kind: string}
 *   | {type: "bye" | "full" | "refused" | "leaved" | "lost" | "broken"}} CallEvent
 */

/**
 * @typedef {"openMedia" | "closeMedia" | "enterRoom" | "leaveRoom" | "retryJoin" | "openConnection"
 *   | "closeConnection" | "offer" | "restart" | "recover" | "receive"} Action
 */

/** @typedef {{model: Model, actions: Action[]}} Step */
/** @typedef {{[T in CallEvent["type"]]?: (model: Model, event: Extract<CallEvent, {type: T}>) => Step}} Rules */

/** @type {Model} */
export const START = { state: "init", doing: null, was: null, peer: false };

/** @param {State} state @param {boolean} peer @param {Action[]} actions @returns {Step} */
function enter(state, peer, ...actions) {
  return { model: { state, doing: null, was: null, peer }, actions };
}

/** @param {Model} model @param {Action[]} actions @returns {Step} */
function stay(model, ...actions) {
  return { model, actions };
}

/** Everything ends: the call, camera and microphone, the place in the room. @returns {Step} */
function end() {
  return enter("leaved", false, "closeConnection", "closeMedia", "leaveRoom");
}

/** @param {Model} model @returns {Step} */
function lose(model) {
  return { model: { ...model, state: "reconnecting", was: /** @type {InRoom} */ (model.state) }, actions: [] };
}

/** Nobody is called yet. @type {Rules} */
const OUTSIDE = {
  connect: (model) => (model.doing ? stay(model) : stay({ ...model, doing: "media" }, "openMedia")),
  connect_receiving: (model) => (model.doing ? stay(model) : stay({ ...model, doing: "join" }, "enterRoom")),
  media_ready: (model) => (model.doing === "media" ? stay({ ...model, doing: "join" }, "enterRoom") : stay(model)),
  media_failed: (model) => (model.doing === "media" ? stay({ ...model, doing: null }) : stay(model)),
  joined: (model, { count }) => (model.doing === "join" ? enter("joined", count > 1) : stay(model)),
  full: (model) => (model.doing === "join" ? end() : stay(model)),
  refused: (model) => (model.doing === "join" ? end() : stay(model)),
  leave: (model) => (model.doing ? end() : stay(model)),
};

/** In the room without a connection to anybody. @type {Rules} */
const WAITING = {
  other_joined: () => enter("joined_conn", true, "openConnection", "offer"),
  // A page may send candidates before its offer; an answer to nothing is nothing.
  message: (model, { kind }) =>
    kind === "offer" || kind === "candidate" ? enter("joined_conn", true, "openConnection", "receive") : stay(model),
  bye: () => enter("joined_unbind", false),
  leave: end,
  leaved: end,
  lost: lose,
};

/** There is a connection. Without a peer it is one that outlived a restart of the server. @type {Rules} */
const CONNECTED = {
  other_joined: (_, { alive }) =>
    alive
      ? enter("joined_conn", true, "restart")
      : enter("joined_conn", true, "closeConnection", "openConnection", "offer"),
  message: () => enter("joined_conn", true, "receive"),
  bye: () => enter("joined_unbind", false, "closeConnection"),
  broken: (model) => (model.peer ? stay(model) : enter("joined_unbind", false, "closeConnection")),
  leave: end,
  leaved: end,
  lost: lose,
};

/** The server is away, what was connected runs on. @type {Rules} */
const RECONNECTING = {
  joined: (model, { count, resumed, alive }) => {
    const connected = model.was === "joined_conn";
    const peer = count > 1;
    if (resumed) return enter(model.was ?? "joined", peer, ...(connected ? /** @type {const} */ (["recover"]) : []));
    if (connected && alive) return enter("joined_conn", peer);
    // A newcomer now: whoever is there makes the offer.
    const state = peer || model.was === "joined" ? "joined" : "joined_unbind";
    return connected ? enter(state, peer, "closeConnection") : enter(state, peer);
  },
  refused: (model) => stay(model, "retryJoin"),
  full: end,
  leave: end,
};

/** @type {Record<State, Rules>} */
const RULES = {
  init: OUTSIDE,
  leaved: OUTSIDE,
  joined: WAITING,
  joined_unbind: WAITING,
  joined_conn: CONNECTED,
  reconnecting: RECONNECTING,
};

/**
 * An event that means nothing in a state changes nothing.
 *
 * @param {Model} model
 * @param {CallEvent} event
 * @returns {Step}
 */
export function step(model, event) {
  const rule = /** @type {((model: Model, event: CallEvent) => Step) | undefined} */ (RULES[model.state][event.type]);
  return rule ? rule(model, event) : stay(model);
}

/**
 * What may be done now: the page's buttons follow it.
 *
 * @param {Model} model
 */
export function allowed({ state, doing }) {
  const outside = state === "init" || state === "leaved";
  return { connect: outside && !doing, leave: !outside || doing !== null, call: !outside };
}
