/** @file Pictures that a page is given: decoded, dropped, or beside it. */

/** The photos of the project; addresses relative to the page. */
export const examples = ['../../examples/sign.jpg', '../../examples/shop.jpg', '../../examples/walkway.jpg'];

export const fileName = (address: string): string => address.slice(address.lastIndexOf('/') + 1);

/**
 * Decodes a photo, upright as the browser shows it.
 * @throws Error that names the file.
 */
export async function decodePhoto(name: string, file: Blob): Promise<ImageBitmap> {
  return createImageBitmap(file).catch((cause) => {
    const found = file.type === '' ? 'of unknown type' : `of type ${file.type}`;
    throw new Error(`${name}: expected a photo that this browser can show, found a file ${found}`, { cause });
  });
}

/** A file beside the page. @throws Error that says what the server answered. */
export async function load(address: string): Promise<Response> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: the server answered ${response.status}`);
  return response;
}

/** Takes files wherever on the page they are dropped; the zone shows where they will go. */
export function onDrop(zone: HTMLElement, use: (files: File[]) => void): void {
  addEventListener('dragover', (event) => {
    event.preventDefault();
    zone.classList.add('over');
  });
  addEventListener('dragleave', ({ relatedTarget }) => {
    if (!relatedTarget) zone.classList.remove('over');
  });
  addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) use(files);
  });
}

/** The files that an input is given; then it is empty, so that the same file can be chosen again. */
export function onFiles(input: HTMLInputElement, use: (files: File[]) => void): void {
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = '';
    if (files.length > 0) use(files);
  });
}
