/** @file The little of the DOM that every part of the page needs. */

/** @throws Error if the page has no such element, which would be a mistake in index.html. */
export function find<T extends Element = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element '${id}'`);
  return element as Element as T;
}

/** An HTML element with properties and children. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** An SVG element with attributes and children. */
export function draw(
  name: string,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: (Node | string)[]
): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Keeps one child per item, and keeps children (and with them the focus) where their item changes. */
export function reconcile<Item, Child extends Element>(
  parent: Element,
  items: readonly Item[],
  create: (index: number) => Child,
  update: (child: Child, item: Item, index: number) => void,
): void {
  while (parent.children.length > items.length) parent.lastElementChild!.remove();
  for (const [index, item] of items.entries()) {
    if (index === parent.children.length) parent.append(create(index));
    update(parent.children[index] as Child, item, index);
  }
}

/** Offers bytes or text as a file. */
export function download(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make('a', { href: url, download: name }).click();
  // Later: some browsers read it after the click has returned.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** "1 photo", "2 photos". */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
