/** @file What a page says of the adapter that it computes on. */

type AdapterNames = Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description'>;

/** A name for people: the most that the browser tells. */
export const adapterName = ({ vendor, architecture, device, description }: AdapterNames): string =>
  description || device || [vendor, architecture].filter(Boolean).join(' ') || 'GPU';

/** Says it in the page's chip. */
export function showAdapter(chip: HTMLElement, name: string, software: boolean, title = name): void {
  chip.textContent = software ? 'no GPU: computed on the CPU' : name;
  chip.title = title;
  chip.className = software ? 'chip warn' : 'chip good';
}
