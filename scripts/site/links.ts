/** @file Whether a folder of pages holds all that its pages name. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

const isExternal = (address: string): boolean => /^(?:[a-z][a-z\d+.-]*:|\/\/)/i.test(address);

/** What a page loads by itself, as opposed to what a reader may go to. */
const loads = /<(?:script|img|link|iframe|source|video|audio|object|embed)\b/i;

/**
 * @returns a line for each address that leads nowhere, that works at one place of a host only, or that a page loads from
 *   elsewhere.
 */
export async function faultsOfLinks(folder: string): Promise<string[]> {
  const files = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.html'));
  const ids = new Map<string, Promise<Set<string>>>();
  const idsOf = (path: string) => {
    if (!ids.has(path)) ids.set(path, readFile(path, 'utf8').then(idsIn));
    return ids.get(path)!;
  };
  const faults: string[] = [];
  for (const file of files) {
    // What scripts hold is no markup.
    const html = (await readFile(join(folder, file), 'utf8')).replace(
      /(<script\b[^>]*>)[\s\S]*?<\/script>/gi,
      '$1',
    );
    for (const [tag, , address] of html.matchAll(/<[a-z][^<>]*?\s(href|src)="([^"]*)"[^<>]*>/gi)) {
      const fault = await faultOf(address, tag, join(folder, file), folder, idsOf);
      if (fault) faults.push(`${file}: ${address} ${fault}`);
    }
  }
  return [...new Set(faults)].sort();
}

const idsIn = (html: string): Set<string> =>
  new Set([...html.matchAll(/\s(?:id|name)="([^"]*)"/g)].map(([, id]) => decode(id)));

const decode = (text: string): string => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"');

async function faultOf(
  address: string,
  tag: string,
  page: string,
  folder: string,
  idsOf: (path: string) => Promise<Set<string>>,
): Promise<string | undefined> {
  if (address.startsWith('data:')) return undefined;
  if (isExternal(address)) return loads.test(tag) ? 'is loaded from elsewhere' : undefined;
  if (address.startsWith('/')) return 'works at the root of a host only';
  const [path, id] = decode(address).split('#');
  const target = path === '' ? page : join(dirname(page), decodeURIComponent(path.split('?')[0]));
  if (relative(folder, target).startsWith(`..${sep}`)) return 'leads out of the folder';
  const found = await stat(target).catch(() => undefined);
  if (!found?.isFile()) return 'is no file';
  if (!id || !target.endsWith('.html')) return undefined;
  return (await idsOf(target)).has(decodeURIComponent(id)) ? undefined : 'names no element of that page';
}
