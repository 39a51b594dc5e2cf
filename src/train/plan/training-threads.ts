/** @file How many threads keep an adapter busy, for sums that can be cut into as many slices as one likes. */

/** A software adapter has a few cores with a few lanes; a GPU wants many thousands. */
export const trainingThreads = ({ software }: { software: boolean }): number => (software ? 512 : 32768);
