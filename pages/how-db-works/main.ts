/** @file The page: four figures, each on its own. */

import { linkPages } from '../shared/nav.ts';
import { binarizationFigure } from './binarization-figure.ts';
import { labelsFigure } from './labels-figure.ts';
import { lossFigure } from './loss-figure.ts';
import { sectionFigure } from './section-figure.ts';

linkPages('how-db-works');
binarizationFigure();
sectionFigure();
lossFigure();
labelsFigure();
