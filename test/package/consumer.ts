import { existsSync } from "node:fs";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { run } from "../support/run.ts";

/** A project outside this repository, which has installed the packed package, and nothing else of ours. */
export interface Consumer {
  readonly folder: string;
  /** Writes one of the programs beside this file into the project, in the form that is asked for; returns its path. */
  program(name: string, form: "esm" | "cjs"): Promise<string>;
  write(file: string, text: string): Promise<string>;
  /** Lends the project packages that this repository has installed: a driver, or types. */
  lend(packages: readonly string[]): Promise<void>;
}

/** The packages that an entry needs beside it: docs/guides/commonjs-and-jest.md has the same. */
export const needs: Readonly<Record<string, readonly string[]>> = {
  "once-again/connect": ["@connectrpc/connect", "@bufbuild/protobuf"],
  "once-again/nest": ["@nestjs/common"],
  "once-again/react": ["react"],
  "once-again/stores/dynamodb": ["@aws-sdk/client-dynamodb"],
};

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Installs packages as a user does, from the registry where npm's cache has not got them.
 * @param options more of npm's options.
 */
export async function npmInstall(folder: string, packages: readonly string[], options: readonly string[] = []) {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", ...quiet, ...options, ...packages], { cwd: folder });
}

/** @param packages tarballs, or names for the registry. */
export async function consumerOf(packages: readonly string[], folder: string): Promise<Consumer> {
  await npmInstall(folder, packages);
  const write = async (file: string, text: string): Promise<string> => {
    const path = join(folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    return path;
  };
  return {
    folder,
    write,
    async program(name, form) {
      const source = await readFile(new URL(`programs/${name}.ts`, import.meta.url), "utf8");
      const { code } = await transform(source, { loader: "ts", format: form, target: "es2022" });
      return write(`${name}.${form === "esm" ? "mjs" : "cjs"}`, code);
    },
    async lend(packages) {
      for (const name of packages) {
        const link = join(folder, "node_modules", name);
        // A dependency of the packages is there already.
        if (existsSync(link)) continue;
        await mkdir(dirname(link), { recursive: true });
        await symlink(join(root, "node_modules", name), link);
      }
    },
  };
}
