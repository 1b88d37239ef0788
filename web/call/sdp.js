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
