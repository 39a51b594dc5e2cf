/** @file The pages of the site, above each of them. */

import titles from '../pages.json' with { type: 'json' };
import { find, make } from './dom.ts';

/** Fills the element `pages` with links. @param current the page's own name in `pages.json` */
export function linkPages(current: keyof typeof titles): void {
  find('pages').append(
    make('b', {}, 'dbnet-webgpu'),
    ...Object.entries(titles).map(([name, title]) => {
      const link = make('a', { href: `../${name}/index.html` }, title);
      if (name === current) link.setAttribute('aria-current', 'page');
      return link;
    }),
    make('a', { href: '../../bench/index.html' }, 'Benchmark'),
    make('a', { href: '../../api/index.html' }, 'API'),
  );
}
