/** @file Figure 2: P, T and B on a line through a word. */

import { find } from '../shared/dom.ts';
import { chart, sample } from './chart.ts';
import { half, mapsAt, places, reach, word } from './section.ts';
import { fill, share, slider } from './slider.ts';

const domain = [-half, half] as const;

export function sectionFigure(): void {
  const place = slider('section-at', where, redraw);
  const blur = slider(
    'section-blur',
    (pixels) => (pixels === 0 ? 'none: the target itself' : `${pixels} px`),
    redraw,
  );
  const steepness = slider('section-k', String, redraw);
  const maps = (at: number) => mapsAt(at, blur.value, steepness.value);
  const curves = chart(
    'section-maps',
    () => ({
      x: domain,
      y: [0, 1],
      xLabel: 'pixels from the middle of the word',
      curves: [
        { name: 'threshold', points: sample((at) => maps(at).T, domain, 640) },
        { name: 'probability', points: sample((at) => maps(at).P, domain, 640) },
        { name: 'binary', points: sample((at) => maps(at).B, domain, 640) },
      ],
      places: [-1, 1].map((side) => ({ x: side * places.edge, text: 'edge' })),
      at: place.value,
      dots: [
        { name: 'threshold', y: maps(place.value).T },
        { name: 'probability', y: maps(place.value).P },
        { name: 'binary', y: maps(place.value).B },
      ],
      label:
        'P is 1 in the word and falls to 0 inside of its edge; T is 0.3, and rises to 0.7 on the edge; B is 1 where P is above T',
    }),
    (at) => place.set(at),
  );
  find('section-reach').textContent = reach.toFixed(1);
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-place]')) {
    button.addEventListener('click', () => place.set(places[button.dataset.place as keyof typeof places]));
  }
  redraw();

  function redraw(): void {
    curves();
    for (const name of ['centre', 'edge', 'outside', 'here'] as const) {
      const { P, T, B } = maps(name === 'here' ? place.value : places[name]);
      fill({ [`section-${name}-p`]: P, [`section-${name}-t`]: T, [`section-${name}-b`]: B }, share);
    }
    // The word is drawn as wide as the line, which crosses it in the middle.
    find('section-marker').setAttribute('transform', `translate(${place.value + word.width / 2} 0)`);
  }
}

function where(at: number): string {
  const toEdge = Math.round(Math.abs(at) - places.edge);
  if (toEdge === 0) return 'on the edge';
  return toEdge < 0 ? `${-toEdge} px inside` : `${toEdge} px outside`;
}
