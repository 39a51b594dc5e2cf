/** @file What a file is that is not a safetensors file: the mistakes that people make, told by first bytes. */

/** The first bytes of common mistakes, as Latin-1 text, and what to do about each. */
const MISTAKES: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /^\s*<(?:!doctype|html|head|body|!--|\?xml)/i,
    'It begins like an HTML or XML page: the address gives a page (an error, a login or a listing), not the file.',
  ],
  [
    /^version https:\/\/git-lfs/,
    'It is a Git LFS pointer: run "git lfs pull", or use the address of the raw file.',
  ],
  [/^PK/, 'It is a ZIP archive, as PyTorch checkpoints (.pt, .pth) are: convert it to safetensors.'],
  [/^\x80/, 'It begins like a Python pickle (.pt, .pth, .pkl): convert it to safetensors.'],
  [
    /^\s*[{[]\s*["{]/,
    'It begins like plain JSON: an error message of the server, or the index of a checkpoint in parts.',
  ],
];

/** Advice for bytes that do not begin as a safetensors file does; empty where nothing is recognised. */
export function adviseOnContent(bytes: Uint8Array): string {
  const first = String.fromCharCode(...bytes.subarray(0, 64));
  const advice = MISTAKES.find(([pattern]) => pattern.test(first))?.[1];
  return advice === undefined ? '' : ` ${advice}`;
}
