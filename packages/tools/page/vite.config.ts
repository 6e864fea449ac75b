import { defaultClientConditions, defineConfig } from "vite";

export default defineConfig({
  base: "./",
  resolve: { conditions: ["@once-again/source", ...defaultClientConditions] },
  oxc: { jsx: { importSource: "preact" } },
  build: { outDir: "../dist/console/page", emptyOutDir: true, target: "es2022", chunkSizeWarningLimit: 200 },
});
