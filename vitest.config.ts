import { defineConfig } from "vitest/config";

// Packages are resolved by their "source" export, so that tests run the sources and never a stale dist.
const conditions = ["source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions }, noExternal: [/^@jackalope\//] },
  test: {
    // A run that finds no test has gone wrong.
    passWithNoTests: false,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: "packages", include: ["packages/*/test/**/*.test.ts", "scripts/test/**/*.test.ts"] },
      },
      {
        extends: true,
        test: { name: "end-to-end", include: ["test/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
      },
    ],
  },
});
