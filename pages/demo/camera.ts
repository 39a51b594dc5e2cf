/** @file The camera. */

/** A camera that is on. */
export interface Camera {
  video: HTMLVideoElement;
  /** Gives the camera back. */
  stop(): void;
}

const refusals: Readonly<Record<string, string>> = {
  NotAllowedError:
    'The camera was not allowed. Allow it beside the address of this page, or choose a photo instead.',
  NotFoundError: 'There is no camera on this machine. Choose a photo instead.',
  NotReadableError: 'The camera is in use by another program. Close that, and try again.',
};

/** @throws Error that says what to do where there is no camera, or it may not be used. */
export async function openCamera(video: HTMLVideoElement): Promise<Camera> {
  if (!navigator.mediaDevices) {
    throw new Error('Browsers give the camera to secure pages only: open this one by https or on localhost.');
  }
  const wanted = { video: { facingMode: 'environment', width: { ideal: 1280 } } };
  const stream = await navigator.mediaDevices.getUserMedia(wanted).catch((cause) => {
    throw new Error(refusals[cause.name] ?? `The camera cannot be used: ${cause.message}`, { cause });
  });
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  try {
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    stop();
    throw error;
  }
  return { video, stop };
}
