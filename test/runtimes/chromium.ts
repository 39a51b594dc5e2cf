/** @file Starts a Chromium page with test/runtimes/page-runner.ts loaded. */

import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launchBrowser, whenBroken } from '../../scripts/browser.ts';
import { type ServedFile, serve } from '../../scripts/static-server.ts';
import { newLivePage, open } from './live-page.ts';
import { remoteError, type SuiteRunner } from './register.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0].text;
}

/** @param files served beside the project's own, by path */
export async function startChromium(files: Readonly<Record<string, ServedFile>> = {}): Promise<SuiteRunner> {
  const script = await bundle('test/runtimes/page-runner.ts');
  const { browser, output } = await launchBrowser();
  const server = await serve(root, {
    '/': '<!doctype html><title>GPU tests</title><script type="module" src="/page.js"></script>',
    '/page.js': script,
    ...files,
  });
  const printed: string[] = [];
  const page = await newLivePage(browser);
  page.on('console', (message) => printed.push(message.text()));
  page.on('pageerror', (error) => printed.push(String(error)));
  const broken = whenBroken(page);
  await open(page, server.origin, '"runGpuTest" in globalThis');

  return {
    async run(suite, test) {
      const call = `runGpuTest(${JSON.stringify(suite)}, ${JSON.stringify(test)})`;
      const failure = page.evaluate(call) as Promise<{ message: string; stack?: string } | undefined>;
      failure.catch(() => {}); // It also fails when the browser is closed in the middle of it.
      const error = await Promise.race([failure, broken]);
      return error === undefined ? undefined : remoteError(error);
    },
    async close() {
      // It may be past answering.
      browser.process()?.kill('SIGKILL');
      await Promise.all([browser.close(), server.close()]);
      return [...printed, output()].join('\n').slice(-8000);
    },
  };
}
