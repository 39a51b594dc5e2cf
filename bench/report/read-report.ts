/** @file Reports that were written earlier. */

import { messageOf } from '../../src/describe.ts';
import { type Report, reportFormat, schemaVersion } from './report.ts';

/**
 * A report from its JSON.
 * @throws Error that says what is wrong with it.
 */
export function readReport(json: string, from: string): Report {
  let value: Partial<Report> | null;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new Error(`${from} is not JSON: ${messageOf(cause)}`, { cause });
  }
  const { format, environment, roofline, kernels, layers, metrics } = value ?? {};
  const isWhole = environment && roofline && [kernels, layers, metrics].every(Array.isArray);
  if (format !== reportFormat || !isWhole) throw new Error(`${from} is no report of this benchmark`);
  if (value?.schemaVersion !== schemaVersion) {
    throw new Error(
      `${from} has version ${value?.schemaVersion} of the format, this program writes ${schemaVersion}: measure anew`,
    );
  }
  return value as Report;
}
