import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

/** The page: built from src/client into dist/client, which the server serves and the executable carries. */
export default defineConfig(({ command }) => ({
  root: 'src/client',
  plugins: [...(command === 'build' ? [forProduction()] : []), react(), tailwindcss()],
  resolve: {
    // Streamdown would parse a model's HTML with it; the page shows HTML as text, so the parser need not be there.
    alias: { 'rehype-raw': fileURLToPath(new URL('src/client/markdown/no-html.ts', import.meta.url)) },
  },
  build: {
    outDir: '../../dist/client',
    emptyOutDir: true,
    target: 'es2023',
    // The policy of the page allows no `data:` fonts or scripts, and small files are cheap from the same origin.
    assetsInlineLimit: 0,
    // The largest grammar of Shiki, which only those load who look at C++.
    chunkSizeWarningLimit: 1_000,
    modulePreload: { polyfill: false },
  },
  server: {
    // `npx vite` beside `PARLEY_ALLOWED_ORIGINS=http://localhost:5173 npm start`: the page with hot reload.
    proxy: {
      '/graphql': { target: 'http://127.0.0.1:8084', ws: true },
      '/session': 'http://127.0.0.1:8084',
    },
  },
}))

/** Tests build the page as well, in a process whose NODE_ENV says so: it would get React's development build. */
function forProduction(): Plugin {
  const before = process.env['NODE_ENV']
  process.env['NODE_ENV'] = 'production'
  return {
    name: 'for-production',
    closeBundle() {
      if (before === undefined) delete process.env['NODE_ENV']
      else process.env['NODE_ENV'] = before
    },
  }
}
