export function importProgram(entry: string, outfile: string): Promise<Record<string, unknown>>;
