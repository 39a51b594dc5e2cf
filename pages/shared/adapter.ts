/** @file What a page says of the adapter that it computes on. */

/** Says it in the page's chip. */
export function showAdapter(chip: HTMLElement, runsOn: string, software: boolean): void {
  chip.textContent = software ? 'no GPU: computed on the CPU' : runsOn;
  chip.title = runsOn;
  chip.className = software ? 'chip warn' : 'chip good';
}
