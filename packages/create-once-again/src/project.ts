import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Choices, frameworkOf, modes, storeOf } from "./choices.ts";
import { type VersionedPackage, versions } from "./versions.ts";

const templates = fileURLToPath(new URL("../templates/", import.meta.url));

/**
 * The files of a project: their paths in its folder, and their texts.
 *
 * Folders of `templates/` are laid over each other: what every project has, its framework, its store, its effect. Where two
 * have a file of the same path, the later one counts.
 */
export function projectFiles(name: string, choices: Choices): ReadonlyMap<string, string> {
  const { framework, store, mode } = choices;
  const { isWorker = false, start } = frameworkOf(framework);
  // Next.js has its own server.
  const servers = isWorker ? ["workers"] : start.startsWith("node ") ? ["servers"] : [];
  const effects = mode === "leased" ? ["bank", ...(isWorker ? ["bank-in-d1"] : [])] : [store];
  const layers = [
    "project",
    ...servers,
    `frameworks/${framework}`,
    `stores/${store}`,
    ...effects.map((effect) => `effects/${effect}`),
  ];
  const files = new Map<string, string>();
  for (const layer of layers) {
    for (const path of filesIn(join(templates, layer))) {
      files.set(path, readFileSync(join(templates, layer, path), "utf8"));
    }
  }
  // npm leaves out a file of the name `.gitignore`.
  files.set(".gitignore", files.get("gitignore")!);
  files.delete("gitignore");
  const wrangler = files.get("wrangler.json");
  if (wrangler !== undefined) files.set("wrangler.json", wrangler.replace('"once-again-app"', JSON.stringify(name)));
  files.set("package.json", json(manifest(name, choices, files.has("migrate.ts"))));
  files.set("tsconfig.json", json(typescriptOptions(choices)));
  files.set("README.md", readme(name, choices));
  return new Map([...files].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

function manifest(name: string, { framework, store }: Choices, migrates: boolean): object {
  const { build, start, ...ofFramework } = frameworkOf(framework);
  const ofStore = storeOf(store);
  const steps = [...(migrates ? ["node migrate.ts"] : []), ...(build === undefined ? [] : ["npm run --silent build"])];
  const first = steps.join(" && ");
  const before = (script: string) => (first === "" ? {} : { [`pre${script}`]: first });
  return {
    name,
    private: true,
    type: "module",
    scripts: {
      ...(build === undefined ? {} : { build }),
      ...before("start"),
      start,
      ...before("test"),
      test: "node --test charges.test.ts",
      ...before("kill"),
      kill: "node kill.ts",
      types: "tsc",
    },
    dependencies: withVersions(["once-again", ...ofFramework.dependencies, ...ofStore.dependencies]),
    devDependencies: withVersions([
      "@types/node",
      "typescript",
      ...(ofFramework.devDependencies ?? []),
      ...(ofStore.devDependencies ?? []),
    ]),
    engines: { node: ">=24" },
  };
}

function withVersions(packages: readonly VersionedPackage[]): Readonly<Record<string, string>> {
  return Object.fromEntries([...packages].sort().map((name) => [name, versions[name]]));
}

function typescriptOptions({ framework }: Choices): object {
  return {
    compilerOptions: {
      target: "es2024",
      lib: ["es2024", "esnext.disposable"],
      module: "nodenext",
      types: ["node"],
      noEmit: true,
      strict: true,
      noUncheckedIndexedAccess: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
      skipLibCheck: true,
      ...frameworkOf(framework).compilerOptions,
    },
    include: ["**/*.ts"],
    exclude: ["node_modules", "dist", ".next"],
  };
}

const deployment = `
\`dev.ts\` runs the Worker here, in Cloudflare's runtime, with \`wrangler.json\`. To deploy: \`npx wrangler d1 create shop\`, write the
id that it prints into \`wrangler.json\`, \`npx wrangler d1 migrations apply shop --remote\`, \`npx wrangler deploy\`.
`;

function readme(name: string, { framework, store, mode }: Choices): string {
  const { title, variable } = storeOf(store);
  const place = variable === undefined ? "" : ` Set \`${variable}\` first: where the server is.`;
  const { isWorker } = frameworkOf(framework);
  const source = { next: "`app/charges/route.ts`", worker: "`worker.ts`", "worker-hono": "`worker.ts`" };
  return `# ${name}

${frameworkOf(framework).title}, keys in ${title}, ${modes[mode].title}.${place}

    npm install
    npm test        # a repeat gets the first response, ten copies make one charge
    npm run kill    # the server dies between charge and response: the repeat gets what happened, and there is one charge
    npm start       # listens on port 3000, or \`PORT\`

${source[framework as keyof typeof source] ?? "`server.ts`"} has the route, \`options.ts\` how it treats its keys, \`charges.ts\` the effect: replace it by yours.
${isWorker ? deployment : ""}`;
}
