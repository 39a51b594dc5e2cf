/** @file Whether a video has a frame to show. */

import type { Web } from '../web.ts';

/** HTMLMediaElement.HAVE_CURRENT_DATA. */
const haveCurrentData = 2;

export const showsFrame = ({ readyState }: Web<'HTMLVideoElement'>): boolean => readyState >= haveCurrentData;
