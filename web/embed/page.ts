// How the pages are built that the crates embed.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import vue from '@vitejs/plugin-vue';
import { defineConfig, type Plugin } from 'vite';

/** Puts the packed forms of each file beside it; the server only picks one. */
function packed(outDir: string): Plugin {
  return {
    name: 'packed',
    apply: 'build',
    closeBundle() {
      for (const entry of readdirSync(outDir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const file = join(entry.parentPath, entry.name);
        const bytes = readFileSync(file);
        writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
        writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params }));
      }
    },
  };
}

/** Their licences ask to go with what they allow to use. */
function licences(files: string[]): Plugin {
  return {
    name: 'licences',
    apply: 'build',
    generateBundle() {
      const texts = files.map((file) => readFileSync(resolve(import.meta.dirname, '../node_modules', file), 'utf8'));
      this.emitFile({ type: 'asset', fileName: 'assets/licences.txt', source: texts.join('\n---\n\n') });
    },
  };
}

/**
 * A page that is built into `web/dist/<name>`. `npm run dev --workspace <name>` passes what
 * begins with one of `proxied` on to a running server.
 */
export function page(name: string, used: string[], proxied: string[], server: string) {
  const outDir = resolve(import.meta.dirname, '../dist', name);
  return defineConfig({
    plugins: [vue(), licences(used), packed(outDir)],
    logLevel: 'warn',
    build: {
      outDir,
      emptyOutDir: true,
      // Inline data would only be needed by what the policy of the page forbids.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      target: 'es2022',
      rolldownOptions: { checks: { pluginTimings: false } },
    },
    server: { proxy: Object.fromEntries(proxied.map((path) => [path, server])) },
  });
}
