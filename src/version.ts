/** @file The library's version, for code that browsers load and that therefore reads no package.json. */

/** The same as in package.json; a test sees to it. */
export const libraryVersion = '0.1.0';
