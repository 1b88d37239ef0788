// @ts-check
/** The part of this page's address behind the `#`, which browsers send to no server: URLs to test, a token for a room. */

/**
 * @typedef {object} Fragment
 * @property {string[]} urls
 * @property {string | null} room
 * @property {string | null} token
 */

/** @param {string} hash @returns {Fragment} */
export function readFragment(hash) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const urls = (parameters.get("urls") ?? "").split(",").filter(Boolean);
  return { urls, room: parameters.get("room"), token: parameters.get("token") };
}

/**
 * @param {string} page the page's address, whatever its fragment
 * @param {string[]} urls
 * @returns {string} a link to the page with these URLs filled in, and nothing secret
 */
export function linkWith(page, urls) {
  return `${page.replace(/#.*$/, "")}#urls=${urls.map(encodeURIComponent).join(",")}`;
}
