/**
 * @file Puppeteer's own download of a browser is wanted only where `@sparticuz/chromium` brings none: that package
 * is for Linux on x64. `PUPPETEER_SKIP_DOWNLOAD` forbids it everywhere, as usual.
 */

/** @type {import('puppeteer').Configuration} */
module.exports = {
  skipDownload: process.platform === 'linux' && process.arch === 'x64',
  // The whole browser is enough.
  'chrome-headless-shell': { skipDownload: true },
};
