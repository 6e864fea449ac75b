/**
 * Writes what is said of other packages' versions, from package.json and package-lock.json: the optional
 * `peerDependencies` of once-again, the table of docs/compatibility.md, and the versions that `create-once-again` asks for. With
 * `--check`, fails if they differ.
 */
import { readFileSync } from "node:fs";
import { storeKits } from "../packages/once-again/src/stores/kits.ts";
import { update } from "../test/support/update.ts";
import { type Place, places } from "./entries.ts";

interface Adapter {
  readonly title: string;
  /** The subpath of once-again, and the package that it works with. */
  readonly subpath: string;
  readonly package: string;
  /** Default the major that is tested in CI. An older one stands here if a replay was seen with it. */
  readonly range?: string;
  /** Where the package is tested in more than one major: the development dependency of the other one. */
  readonly other?: string;
}

const adapters: readonly Adapter[] = [
  { title: "Express", subpath: "express", package: "express", range: "^4.20.0 || ^5.0.0" },
  { title: "Fastify", subpath: "fastify", package: "fastify" },
  { title: "Hono", subpath: "hono", package: "hono" },
  { title: "Koa", subpath: "koa", package: "koa", range: "^2.15.0 || ^3.0.0" },
  { title: "Nest", subpath: "nest", package: "@nestjs/common", range: "^11.0.0 || ^12.0.0" },
  { title: "Connect, gRPC", subpath: "connect", package: "@connectrpc/connect" },
  { title: "Connect's messages", subpath: "connect", package: "@bufbuild/protobuf" },
  ...storeKits.flatMap(({ name, drivers }) => drivers.map((driver) => ({ subpath: `stores/${name}`, ...driver }))),
  { title: "undici", subpath: "undici", package: "undici", other: "undici8" },
  { title: "axios", subpath: "axios", package: "axios" },
  { title: "React", subpath: "react", package: "react", range: "^18.0.0 || ^19.0.0" },
  { title: "OpenTelemetry", subpath: "opentelemetry", package: "@opentelemetry/api" },
];

/** The dependencies of a created project, beside our own library. */
const ofProjects = [
  "@hono/node-server",
  "@koa/bodyparser",
  "@koa/router",
  "@nats-io/kv",
  "@nats-io/transport-node",
  "@nestjs/common",
  "@nestjs/core",
  "@nestjs/platform-express",
  "@types/express",
  "@types/koa",
  "@types/node",
  "@types/pg",
  "@types/react",
  "esbuild",
  "express",
  "fastify",
  "hono",
  "ioredis",
  "koa",
  "miniflare",
  "mysql2",
  "next",
  "pg",
  "react",
  "react-dom",
  "reflect-metadata",
  "rxjs",
  "typescript",
];

interface Manifest {
  readonly version: string;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const read = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));
const { devDependencies } = read("package.json") as Manifest;
const { packages } = read("package-lock.json") as { packages: Readonly<Record<string, { version?: string }>> };

function testedVersion(name: string): string {
  const version = packages[`node_modules/${name}`]?.version;
  if (version === undefined) throw new Error(`package-lock.json has no ${name}`);
  return version;
}

const majorRange = (name: string): string => `^${testedVersion(name).split(".")[0]}.0.0`;

function rangeOf({ package: name, range, other }: Adapter): string {
  if (range !== undefined) return range;
  return packagesOf(name, other).map(majorRange).join(" || ");
}

const packagesOf = (name: string, other?: string): string[] => (other === undefined ? [name] : [name, other]);

const byPackage = new Map(adapters.map((adapter) => [adapter.package, rangeOf(adapter)]));
const names = [...byPackage.keys()].sort();

const file = "packages/once-again/package.json";
const { engines, ...manifest } = read(file) as Record<string, unknown>;
update(
  file,
  `${JSON.stringify(
    {
      ...manifest,
      peerDependencies: Object.fromEntries(names.map((name) => [name, byPackage.get(name)])),
      peerDependenciesMeta: Object.fromEntries(names.map((name) => [name, { optional: true }])),
      engines,
    },
    undefined,
    2,
  )}\n`,
);

const rows = adapters.map((adapter) => {
  const tested = packagesOf(adapter.package, adapter.other).map(testedVersion).join(", ");
  const range = rangeOf(adapter).replaceAll("||", "or");
  return [adapter.title, `\`once-again/${adapter.subpath}\``, `\`${adapter.package}\``, tested, `\`${range}\``];
});
const placeNames: readonly Place[] = ["browser", "workerd", "edge-runtime", "next-edge"];
const placeRows = Object.entries(places).map(([subpath, here]) => [
  `\`${subpath.replace(".", "once-again")}\``,
  ...placeNames.map((place) => (here.includes(place) ? "yes" : "")),
]);

function tableOf(head: readonly string[], body: readonly (readonly string[])[]): string {
  const widths = head.map((text, column) => Math.max(text.length, ...body.map((row) => row[column]!.length)));
  const lineOf = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |\n`;
  return [head, widths.map((width) => "-".repeat(width)), ...body].map(lineOf).join("");
}

const page = "docs/compatibility.md";
const tables = {
  compatibility: tableOf(["works with", "import", "package", "tested in CI", "accepted range"], rows),
  places: tableOf(
    ["import", "browsers", "workerd, without `nodejs_compat`", "Vercel's edge-runtime", 'Next.js, `runtime = "edge"`'],
    placeRows,
  ),
};
let text = readFileSync(page, "utf8");
for (const [name, table] of Object.entries(tables)) {
  text = text.replace(new RegExp(`(<!-- ${name} -->\n\n)(?:\\|.*\n)*\n*`), (_, mark: string) => `${mark}${table}\n`);
}
update(page, text);

const { version } = read(file) as Manifest;
const lines = Object.entries({
  ...Object.fromEntries(ofProjects.map((name) => [name, devDependencies[name]])),
  "once-again": `^${version}`,
}).sort(([one], [other]) => (one < other ? -1 : 1));
update(
  "packages/create-once-again/src/versions.ts",
  `// Generated by scripts/compatibility.ts.

/** The versions that created projects ask for: those that this repository is tested with. */
export const versions = {
${lines.map(([name, range]) => `  ${/^[a-z][a-z0-9]*$/.test(name) ? name : JSON.stringify(name)}: ${JSON.stringify(range)},\n`).join("")}} as const;

export type VersionedPackage = keyof typeof versions;
`,
);
