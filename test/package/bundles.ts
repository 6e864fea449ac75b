import { build, type BuildOptions } from "esbuild";
import type { Consumer } from "./consumer.ts";

/** How a tool looks for the files of a package, as esbuild's options. */
export type Resolution = Pick<BuildOptions, "platform" | "conditions">;

/** The files of the library, and those that each imports when it is loaded; paths in the library's folder. */
export type Files = ReadonlyMap<string, readonly string[]>;

const library = "node_modules/once-again/";

/** The files of the library that a tool reads for these modules. */
export async function filesRead(consumer: Consumer, specifiers: readonly string[], how: Resolution): Promise<Files> {
  const { metafile } = await build({
    stdin: {
      contents: specifiers.map((name) => `export * from "${name}";`).join("\n"),
      resolveDir: consumer.folder,
    },
    absWorkingDir: consumer.folder,
    ...{ bundle: true, metafile: true, write: false, format: "esm", logLevel: "silent", ...how },
    // Packages of others, and the modules of Node, which a bundler for browsers does not have.
    plugins: [
      {
        name: "the library alone",
        setup: ({ onResolve }) =>
          onResolve({ filter: /^[^./]/ }, ({ path }) =>
            /^once-again(\/|$)/.test(path) ? undefined : { path, external: true },
          ),
      },
    ],
  });
  const own = Object.entries(metafile.inputs).filter(([file]) => file.startsWith(library));
  return new Map(
    own.map(([file, { imports }]) => {
      const loaded = imports.filter(({ kind, external }) => kind === "import-statement" && external !== true);
      return [file.slice(library.length), loaded.map(({ path }) => path.slice(library.length))];
    }),
  );
}

/** All files that are loaded with one, itself among them. */
export function loadedWith(files: Files, file: string): ReadonlySet<string> {
  const loaded = new Set([file]);
  for (const one of loaded) for (const imported of files.get(one) ?? []) loaded.add(imported);
  return loaded;
}
