/** @file The API reference: read from the sources by typedoc, checked for examples. */

import { join } from 'node:path';
import {
  Application,
  type CommentDisplayPart,
  type DeclarationReflection,
  OptionDefaults,
  type ProjectReflection,
  ReflectionKind,
} from 'typedoc';
import manifest from '../../package.json' with { type: 'json' };

/** What the package exports, by the name that it is imported by, and its source. */
export const entryPoints: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(manifest.exports).flatMap(([path, target]) =>
    typeof target === 'object' && 'types' in target
      ? [
          [
            path.replace(/^\./, manifest.name),
            target.types.replace(/^\.\/dist(.*)\.d\.ts$/, 'src$1.ts'),
          ] as const,
        ]
      : [],
  ),
);

/** An example of an exported function or class. */
export interface Example {
  /** What it is an example of, as `MODULE: NAME`. */
  of: string;
  /** The entry point, as it is imported. */
  module: string;
  code: string;
}

export interface Reference {
  application: Application;
  project: ProjectReflection;
}

/** @throws Error if the sources cannot be read without a warning. */
export async function readReference(root: string): Promise<Reference> {
  const application = await Application.bootstrap({
    entryPoints: Object.values(entryPoints).map((path) => join(root, path)),
    basePath: root,
    tsconfig: join(root, 'tsconfig.json'),
    name: manifest.name,
    readme: 'none',
    blockTags: [...OptionDefaults.blockTags, '@file'],
    disableGit: true,
    disableSources: true,
    excludeInternal: true,
    hideGenerator: true,
    skipErrorChecking: true,
    logLevel: 'Warn',
    validation: { invalidLink: true, invalidPath: true, notExported: false, notDocumented: false },
    navigationLinks: { Pages: '../index.html' },
    githubPages: false,
  });
  const project = await application.convert();
  if (!project) throw new Error('typedoc could not read the sources: see above');
  for (const module of project.children ?? []) module.name = importedAs(module.name);
  describeModules(project);
  application.validate(project);
  if (application.logger.hasErrors() || application.logger.hasWarnings()) {
    throw new Error('the API reference has faults: see above');
  }
  return { application, project };
}

/** The name by which an application imports a module, which typedoc names after its place. */
function importedAs(name: string): string {
  const source = [`${name}.ts`, `${name}/index.ts`];
  const found = Object.entries(entryPoints).find(([, path]) => source.includes(path));
  if (!found) throw new Error(`${name} is no export of the package`);
  return found[0];
}

/** What a file says of itself describes the module, and nothing else that stands first in a file. */
function describeModules(project: ProjectReflection): void {
  for (const { comment, kind } of Object.values(project.reflections)) {
    const file = comment?.getTag('@file');
    if (!comment || !file) continue;
    if (kind === ReflectionKind.Module) comment.summary = file.content;
    comment.removeTags('@file');
  }
}

/** The examples of all functions and classes, and the names of those that have none. */
export function examplesOf(project: ProjectReflection): { examples: Example[]; missing: string[] } {
  const examples: Example[] = [];
  const missing: string[] = [];
  for (const module of project.children ?? []) {
    for (const child of module.children ?? []) {
      if (!child.kindOf([ReflectionKind.Function, ReflectionKind.Class])) continue;
      const of = `${module.name}: ${child.name}`;
      const codes = commentsOf(child).flatMap((comment) =>
        comment.getTags('@example').map((tag) => codeOf(tag.content)),
      );
      if (codes.length === 0) missing.push(of);
      examples.push(...codes.map((code) => ({ of, module: module.name, code })));
    }
  }
  return { examples, missing };
}

/** A function's comments are those of its signatures; a class may show how to use it at its members too. */
function commentsOf(reflection: DeclarationReflection) {
  const own = [reflection, ...(reflection.signatures ?? [])];
  return own.flatMap(({ comment }) => comment ?? []);
}

function codeOf(content: readonly CommentDisplayPart[]): string {
  const text = content.map((part) => part.text).join('');
  return text.match(/```\w*\n([\s\S]*?)\n?```/)?.[1] ?? text;
}
