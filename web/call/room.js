// @ts-check
/** Rooms and the links to them. */

/** @typedef {{room: string, token: string}} Place */

/** @param {string} name @returns {boolean} whether the server would take it */
export function isRoomName(name) {
  return /^[A-Za-z0-9_-]{1,64}$/.test(name);
}

/** A name that nobody guesses: 128 bits. @param {Uint8Array} bytes @returns {string} */
export function nameOf(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @returns {string} */
export function randomName() {
  return nameOf(crypto.getRandomValues(new Uint8Array(16)));
}

/**
 * The room that a link names: `#room=R&token=T`, or `?room=R` as older links have it. The fragment is never sent to
 * a server, so it is what our own links use.
 *
 * @param {{hash: string, search: string}} link
 * @returns {Place} with empty strings for what is not there
 */
export function placeOf({ hash, search }) {
  const fragment = new URLSearchParams(hash.replace(/^#/, ""));
  const query = new URLSearchParams(search);
  const read = (/** @type {string} */ name) => fragment.get(name) ?? query.get(name) ?? "";
  return { room: read("room"), token: read("token") };
}

/** @param {Place} place @returns {string} */
export function hashOf({ room, token }) {
  return `#${new URLSearchParams(token ? { room, token } : { room })}`;
}
