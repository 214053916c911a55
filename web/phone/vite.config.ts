import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import vue from '@vitejs/plugin-vue';
import { defineConfig, type Plugin } from 'vite';

const outDir = resolve(import.meta.dirname, '../dist/phone');

/** Puts the packed forms of each file beside it; the server only picks one. */
function packed(): Plugin {
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
function licences(): Plugin {
  const files = ['vue/LICENSE', 'weui/LICENSE.txt'];
  return {
    name: 'licences',
    apply: 'build',
    generateBundle() {
      const texts = files.map((file) => readFileSync(resolve(import.meta.dirname, '../node_modules', file), 'utf8'));
      this.emitFile({ type: 'asset', fileName: 'assets/licences.txt', source: texts.join('\n---\n\n') });
    },
  };
}

export default defineConfig({
  plugins: [vue(), licences(), packed()],
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
  // `npm run dev --workspace phone` beside a running sandbox.
  server: {
    proxy: Object.fromEntries(
      ['/sandbox', '/cgi-bin', '/open', '/connect', '/mp'].map((path) => [
        path,
        process.env.SANDBOX_URL ?? 'http://127.0.0.1:8700',
      ]),
    ),
  },
});
