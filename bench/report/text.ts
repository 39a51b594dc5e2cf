/** @file Aligned plain text, for terminals and for the page. */

/** Width of the tables, characters. */
export const textWidth = 100;

/** Rows of cells as lines; the first `left` columns are aligned to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[], left: number): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd(),
  );
}

/** At most `width` characters. */
export const shorten = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, width - 1)}…`;

/** Four significant digits at most, without exponents. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined) return '-';
  if (value === 0) return '0';
  const digits = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

export const percent = (value: number | null): string =>
  value === null ? '-' : `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;
