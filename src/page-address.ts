/** @file Addresses as the page means them. */

/**
 * An address that is relative to the page, or in a worker to its script, as one from anywhere.
 * @throws TypeError for what is no address.
 */
export const pageAddress = (address: string | URL): URL =>
  new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href);
