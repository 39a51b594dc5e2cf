/** @file Reports that were written earlier. */

import schema from '../schema.json' with { type: 'json' };
import { checkSchema } from './check-schema.ts';
import { type Report, reportFormat, schemaVersion } from './report.ts';

/** What is wrong with a value that should be a report; nothing if it is one. */
export const reportProblems = (value: unknown): string[] => checkSchema(schema, value);

/**
 * A report from its JSON.
 * @throws Error that says what is wrong with it.
 */
export function readReport(json: string, from: string): Report {
  let value: Partial<Report> | null;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new Error(`${from} is not JSON: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  if (value?.format === reportFormat && value.schemaVersion !== schemaVersion) {
    throw new Error(
      `${from} has version ${value.schemaVersion} of the format, this program writes ${schemaVersion}: measure anew`,
    );
  }
  const problems = reportProblems(value);
  if (problems.length > 0) {
    throw new Error(`${from} is no report of this benchmark: ${problems.slice(0, 3).join('; ')}`);
  }
  return value as Report;
}
