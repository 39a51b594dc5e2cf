import { TextDetector } from 'dbnet-webgpu';
import { useEffect, useState } from 'react';

/** Detectors that somebody uses, by the address of their weights. */
const shared = new Map();

/** A detector that all users of these weights share; it is disposed when the last of them has gone. */
function retain(weights) {
  let entry = shared.get(weights);
  if (!entry) {
    entry = { users: 0, detector: TextDetector.create({ weights }) };
    shared.set(weights, entry);
  }
  entry.users++;
  const release = () => {
    entry.users--;
    // StrictMode unmounts and mounts again at once: a detector is not made twice for that.
    setTimeout(() => {
      if (entry.users > 0 || shared.get(weights) !== entry) return;
      shared.delete(weights);
      entry.detector.then((detector) => detector.dispose()).catch(() => {});
    });
  };
  return { detector: entry.detector, release };
}

/**
 * The detector of these weights once it is there, or what it failed with.
 * @returns {{ detector?: TextDetector, error?: Error }}
 */
export function useTextDetector(weights) {
  const [state, setState] = useState({});
  useEffect(() => {
    const { detector, release } = retain(weights);
    let mounted = true;
    const show = (next) => mounted && setState(next);
    detector.then(
      (detector) => show({ detector }),
      (error) => show({ error }),
    );
    return () => {
      mounted = false;
      setState({});
      release();
    };
  }, [weights]);
  return state;
}
