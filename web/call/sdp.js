// @ts-check
/** What the page reads in a description itself. */

/** @param {string} sdp @returns {string[]} the certificates of who wrote it, as `algorithm hex` */
export function fingerprints(sdp) {
  const found = sdp.matchAll(/^a=fingerprint:(\S+)[ \t]+(\S+)/gm);
  return [...new Set([...found].map(([, algorithm, hex]) => `${algorithm} ${hex}`.toLowerCase()))];
}

/**
 * Whether both were written by the same page: a page that was loaded again has a new certificate. A description
 * without one cannot be told apart and counts as the same.
 *
 * @param {string} one
 * @param {string} other
 */
export function samePage(one, other) {
  const known = fingerprints(one);
  const shown = fingerprints(other);
  return !known.length || !shown.length || shown.some((print) => known.includes(print));
}

/** @typedef {{type: string, sdp: string} | null} Description */

/**
 * Who began the encryption, as the answer of the two says: `active` is the end that did. It does not change while a
 * connection lives.
 *
 * @param {Description} local
 * @param {Description} remote
 * @returns {"active" | "passive" | null} this end's role, if it is settled
 */
export function roleOf(local, remote) {
  const answer = [local, remote].find((description) => description?.type === "answer");
  const said = /^a=setup:(active|passive)/m.exec(answer?.sdp ?? "")?.[1];
  if (!said) return null;
  return (said === "active") === (answer === local) ? "active" : "passive";
}

/**
 * An offer leaves the role to the other end, and Firefox then takes the one it likes even where it is settled, which
 * Chromium refuses. So a settled role is said.
 *
 * @param {string} sdp
 * @param {"active" | "passive" | null} role
 */
export function inRole(sdp, role) {
  return role ? sdp.replace(/^a=setup:actpass/gm, `a=setup:${role}`) : sdp;
}
