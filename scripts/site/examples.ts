/** @file Whether the examples of the API reference compile. */

import { join } from 'node:path';
import ts from 'typescript';
import type { Example } from './reference.ts';
import { entryPoints } from './reference.ts';

/** What examples may take as given: things that an application has. */
const given = `
declare const canvas: HTMLCanvasElement;
declare const image: ImageBitmap;
declare const device: GPUDevice;
declare const bytes: Uint8Array<ArrayBuffer>;
`;

/** Compiles each example as a module of its own that has imported the entry point. @returns a line per error. */
export function faultsOfExamples(root: string, examples: readonly Example[]): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root, { noEmit: true });
  options.noUnusedLocals = false;
  options.paths = Object.fromEntries(
    Object.entries(entryPoints).map(([name, path]) => [name, [join(root, path)]]),
  );
  const names = examples.map((_, i) => join(root, 'src', `example-${i}.ts`));
  const texts = new Map(examples.map((example, i) => [names[i], moduleOf(example)]));
  texts.set(join(root, 'src/given.d.ts'), given);
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.getSourceFile = (path, ...rest) => {
    const text = texts.get(path);
    return text === undefined ? getSourceFile(path, ...rest) : ts.createSourceFile(path, text, rest[0]);
  };
  const program = ts.createProgram([...texts.keys()], options, host);
  return names.flatMap((path, i) => {
    const file = program.getSourceFile(path);
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map(
      ({ messageText }) => `${examples[i].of}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  });
}

/** What an example does not import itself comes from its entry point. */
function moduleOf({ module, of, code }: Example): string {
  const name = of.slice(of.indexOf(': ') + 2);
  const imports = /^import /m.test(code) ? '' : `import { ${name} } from '${module}';\n`;
  return `${imports}${code}\nexport {};\n`;
}
