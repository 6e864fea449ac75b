/**
 * `npm run docs:build`: makes the site of the documentation in site/. It has the guides, the pages of errors, decisions and
 * proof as they stand in docs/, and the reference of every public name, from its comment.
 *
 * A public name without a comment or out of reach, a link to a page or a place on it that is not there: each is an error.
 */
import { readdirSync } from "node:fs";
import { Application, Converter, type DeclarationReflection, ReflectionKind, type TypeDocOptions } from "typedoc";
import { command, exitCodes, printJson } from "../test/proof/command.ts";
import { deadLinks } from "./dead-links.ts";
import { entries } from "./entries.ts";

const help = `npm run docs:build -- [--out FOLDER] [--json]

Makes the site of the documentation: the pages of docs/, and the reference of every public name.

  --out FOLDER  where to; default site
  --json        one JSON document, problems on stderr

Example:
  $ npm run docs:build -- --out /tmp/site`;

/** The front page is the README; the others beside it are pages. */
const ownPages = readdirSync(".").filter((file) => file.endsWith(".md") && file !== "README.md");

const options: TypeDocOptions = {
  name: "once-again",
  logLevel: "Warn",
  readme: "README.md",
  favicon: "docs/images/icon.svg",
  customCss: "docs/images/site.css",
  projectDocuments: ["docs/guides/*.md", "docs/*.md", "docs/errors/*.md", "docs/decisions/*.md", ...ownPages],
  entryPoints: Object.values(entries),
  tsconfig: "tsconfig.build.json",
  // `check:types` finds them.
  skipErrorChecking: true,
  excludeInternal: true,
  excludePrivate: true,
  // Where the sources are published is not known here.
  disableSources: true,
  sortEntryPoints: false,
  searchInDocuments: true,
  navigation: { includeFolders: true },
  validation: { notExported: true, invalidLink: true, invalidPath: true, rewrittenLink: true, notDocumented: true },
  // They only say how an exported name is made up; what they hold is shown there.
  intentionallyNotExported: [
    "Context",
    "errorCodes",
    "FastifyReply",
    "Next",
    "ParsedRequest",
    "SqliteOptions",
    "Target",
    "UndiciAnswer",
  ],
  requiredToBeDocumented: ["Class", "Interface", "TypeAlias", "Variable"],
};

/** TypeDoc names a module by its file; users know it by what they import. */
const imports = new Map(
  Object.entries(entries).map(([subpath, source]) => [
    source.replace(/^src\/|(\/index)?\.ts$/g, ""),
    subpath.replace(".", "once-again"),
  ]),
);

/** Reads the sources and the pages. */
async function converted(app: Application) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, reflection) => {
    if (reflection.kindOf(ReflectionKind.Module)) reflection.name = imports.get(reflection.name) ?? reflection.name;
  });
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, page) => {
    page.name = page.name.replace("docs/", "").replace(/README$/, "Overview");
  });
  const project = await app.convert();
  if (project === undefined) throw new Error("TypeDoc can't read the sources; what it said stands above.");
  // The front page has the name already.
  const [heading] = project.readme ?? [];
  if (heading?.kind === "text") heading.text = heading.text.replace("# once-again\n", "");
  app.validate(project);
  return project;
}

await command(help, { out: { type: "string" }, json: { type: "boolean" } }, async ({ out = "site", json }) => {
  const app = await Application.bootstrap(options);
  const project = await converted(app);
  await app.generateDocs(project, out);
  // TypeDoc would also ask for a comment on each method of the types that only describe a driver's client.
  const functions = project.getReflectionsByKind(ReflectionKind.Function) as DeclarationReflection[];
  const bare = functions.filter(({ signatures }) => signatures?.every((signature) => !signature.hasComment()));
  const problems = [...bare.map(({ name }) => `${name} has no comment`), ...(await deadLinks(out))];
  for (const problem of problems) console.error(problem);
  const fine = problems.length === 0 && !app.logger.hasErrors() && !app.logger.hasWarnings();
  if (json) printJson({ out, problems, fine });
  else console.log(`${out}/index.html`);
  return fine ? exitCodes.fine : exitCodes.bad;
});
