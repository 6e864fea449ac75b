/**
 * `npm run docs:build`: makes the site of the documentation in site/. It has the pages of the repository as they stand, and
 * the reference of every public name, from its comment.
 *
 * A public name without a comment or out of reach, a link to a page or a place on it that is not there: each is an error.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Application, Converter, type DeclarationReflection, ReflectionKind, type TypeDocOptions } from "typedoc";
import type { PluginOptions } from "typedoc-plugin-markdown";
import { build as buildPage } from "vite";
import { build } from "vitepress";
import { command, exitCodes, UsageError } from "../test/support/command.ts";
import { deadLinks } from "./dead-links.ts";
import { modules } from "./entries.ts";

const help = `npm run docs:build -- [--out FOLDER] [--base PATH]

Makes the site of the documentation: the pages of the repository, and the reference of every public name.

  --out FOLDER  where to; default site
  --base PATH   where it will stand on its host, such as /once-again/; default /

npm run docs:preview serves what it made; npm run docs:dev serves the pages while one writes.

Example:
  $ npm run docs:build -- --out /tmp/site`;

/** The modules of the reference: all but those that are for our own packages. */
const documented = modules.filter(({ specifier }) => !specifier.startsWith("once-again/internal"));

const options: TypeDocOptions & PluginOptions = {
  name: "API",
  logLevel: "Warn",
  readme: "none",
  plugin: ["typedoc-plugin-markdown"],
  entryPoints: documented.map(({ source }) => source),
  out: "docs/api",
  tsconfig: "tsconfig.json",
  // `check:types` finds them.
  skipErrorChecking: true,
  excludeInternal: true,
  excludePrivate: true,
  disableSources: true,
  sortEntryPoints: false,
  // A type that only describes a part of another, such as what is used of a driver's client, is not public.
  validation: { notExported: false, invalidLink: true, invalidPath: true, rewrittenLink: true, notDocumented: true },
  requiredToBeDocumented: ["Class", "Interface", "TypeAlias", "Variable"],
  // A page for each thing that one imports from.
  outputFileStrategy: "modules",
  entryFileName: "README.md",
  hidePageHeader: true,
  hideBreadcrumbs: true,
  // TypeDoc numbers places otherwise than the site: `retryingFetch` and `RetryingFetch` would be one.
  useCustomAnchors: true,
  customAnchorsFormat: "curlyBrace",
  parametersFormat: "table",
  interfacePropertiesFormat: "table",
  tableColumnSettings: { hideModifiers: true, hideInherited: true },
  // The list of modules has the first sentence of each.
  indexFormat: "table",
  groupOrder: ["Functions", "Classes", "*"],
  pageTitleTemplates: { module: "{name}" },
};

/** TypeDoc names a module by its file; users know it by what they import. */
const imports = new Map(
  modules.map(({ specifier, source }) => [source.replace(/^packages\/|(\/index)?\.ts$/g, ""), specifier]),
);

/** Writes the reference as pages in docs/api/. Returns what is amiss with the comments. */
async function writeReference(): Promise<string[]> {
  const app = await Application.bootstrapWithPlugins(options);
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, reflection) => {
    if (reflection.kindOf(ReflectionKind.Module)) reflection.name = imports.get(reflection.name) ?? reflection.name;
  });
  const project = await app.convert();
  if (project === undefined) throw new Error("TypeDoc can't read the sources; what it said stands above.");
  app.validate(project);
  await app.generateOutputs(project);
  // TypeDoc would also ask for a comment on each method of the types that only describe a driver's client.
  const functions = project.getReflectionsByKind(ReflectionKind.Function) as DeclarationReflection[];
  const bare = functions.filter(({ signatures }) => signatures?.every((signature) => !signature.hasComment()));
  const silent = project.getReflectionsByKind(ReflectionKind.Module).filter((module) => !module.hasComment());
  const problems = [...bare, ...silent].map(({ name }) => `${name} has no comment`);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) problems.push("TypeDoc warns; what it said stands above");
  return problems;
}

/** Builds the playground, a page that runs in the browser alone, into the site. */
async function buildPlayground(out: string): Promise<void> {
  await buildPage({
    configFile: "packages/tools/page/vite.config.ts",
    root: "packages/tools/page/playground",
    logLevel: "warn",
    build: { outDir: join(resolve(out), "playground"), emptyOutDir: true, chunkSizeWarningLimit: 1000 },
  });
}

await command(help, { out: { type: "string" }, base: { type: "string" } }, async ({ out = "site", base = "/" }) => {
  // VitePress empties the folder first.
  if (existsSync(out) && readdirSync(out).length > 0 && !existsSync(join(out, "hashmap.json"))) {
    throw new UsageError(`--out must be empty, or a site made before, but ${out} is neither.`);
  }
  const problems = await writeReference();
  await build("docs", { outDir: resolve(out), base });
  await buildPlayground(out);
  problems.push(...(await deadLinks(out, base)));
  for (const problem of problems) console.error(problem);
  return problems.length === 0 ? exitCodes.fine : exitCodes.bad;
});
