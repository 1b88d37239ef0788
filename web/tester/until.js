// @ts-check
/** Waiting that always ends. */

/**
 * Waits for something to hold, which is looked at again at every `change` event of `target`.
 *
 * @param {EventTarget} target
 * @param {() => boolean} holds
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<boolean>} false when the time is over; rejects when the signal aborts
 */
export function until(target, holds, milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const finish = (/** @type {() => void} */ tell) => {
      clearTimeout(timer);
      target.removeEventListener("change", look);
      signal.removeEventListener("abort", abort);
      tell();
    };
    const look = () => holds() && finish(() => resolve(true));
    const abort = () => finish(() => reject(signal.reason));
    const timer = setTimeout(() => finish(() => resolve(holds())), milliseconds);
    target.addEventListener("change", look);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    else look();
  });
}

/**
 * What the browser itself promises, and might not keep.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<T>} rejects with a `TimeoutError` when the time is over, or when the signal aborts
 */
export function inTime(promise, milliseconds, signal) {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]);
  return new Promise((resolve, reject) => {
    if (ended.aborted) reject(ended.reason);
    ended.addEventListener("abort", () => reject(ended.reason));
    promise.then(resolve, reject);
  });
}
