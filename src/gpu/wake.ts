/**
 * @file Waiting for the GPU where the browser seldom looks whether it is done. Firefox looks every 100 ms and whenever
 * something is submitted (https://bugzilla.mozilla.org/show_bug.cgi?id=1870699), so a wait would cost 100 ms.
 */

/** There is no feature to test: only its name tells. */
const looksSeldom = (): boolean => /\bFirefox\//.test(globalThis.navigator?.userAgent ?? '');

/** Milliseconds between empty submits at first. Each is a message to another process. */
const leastPause = 2;

/** Pauses grow with the wait, which they lengthen by this share at most. */
const pauseShare = 1 / 8;

/** After so many milliseconds pauses would be the browser's own 100. */
const deadline = 800;

/** What `work` of the device gives, awaited with an empty submit now and then where the browser needs it. */
export async function whileWaking<T>(device: GPUDevice, work: Promise<T>): Promise<T> {
  if (!looksSeldom()) return work;
  const start = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = () => {
    const waited = performance.now() - start;
    if (waited < deadline) timer = setTimeout(wake, Math.max(leastPause, waited * pauseShare));
  };
  const wake = () => {
    device.queue.submit([]);
    wait();
  };
  wait();
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
