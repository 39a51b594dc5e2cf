import weights from 'dbnet-webgpu/weights';
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useTextDetector } from './use-text-detector.js';

function Finder() {
  const { detector, error } = useTextDetector(weights);
  const [found, setFound] = useState();
  const find = async ({ target }) => {
    setFound('Busy.');
    try {
      const { regions } = await detector.detect(target.files[0], { size: { shortSide: 224 } });
      setFound(`${regions.length} regions of text.`);
    } catch (error) {
      setFound(error.message);
    }
  };
  const ready = detector ? `Ready: ${detector.info.weights.architecture}.` : 'Loading the weights.';
  return (
    <>
      <label>
        A photo <input id="photo" type="file" accept="image/*" disabled={!detector} onChange={find} />
      </label>
      <output>{error?.message ?? found ?? ready}</output>
    </>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <Finder />
  </StrictMode>,
);
