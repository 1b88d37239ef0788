// @ts-check
/** Waiting. Tests bring a clock of their own. */

/** @typedef {(run: () => void, ms: number) => () => void} Later what it returns calls it off */

/** @type {Later} */
export function later(run, ms) {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/**
 * How long to wait before trying once more: twice as long each time, up to half a minute.
 *
 * @param {number} attempts how often it was tried
 */
export function backoff(attempts) {
  return Math.min(30_000, 1000 * 2 ** attempts);
}
