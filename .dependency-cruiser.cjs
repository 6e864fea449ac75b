/**
 * The floors of docs/architecture.md: a room imports only from lower floors, and rooms on one floor do not import each
 * other.
 */
const floors = [
  ["core"],
  ["retry", "delivery", "key"],
  ["client", "server", "stores"],
  ["frameworks", "interceptors", "opentelemetry"],
  ["testing", "verify", "simulator", "lab"],
  ["console"],
  ["cli"],
];

/** Contracts only: the ports by which `server` and `client` know a store. */
const contracts = "^src/stores/(store|intent-store)\\.ts$";

/** The lab is built on the public test tools. */
const exceptions = { lab: ["testing"] };

const room = (name) => `^src/${name}/`;

const forbiddenTo = (name, level) =>
  floors
    .slice(level)
    .flat()
    .filter((other) => other !== name && !exceptions[name]?.includes(other))
    .map(room);

const floorRules = floors
  .flatMap((floor, level) => floor.map((name) => ({ name, forbidden: forbiddenTo(name, level) })))
  .filter(({ forbidden }) => forbidden.length > 0)
  .map(({ name, forbidden }) => ({
    name: `floor-of-${name}`,
    comment: `src/${name} imports only from lower floors (docs/architecture.md).`,
    severity: "error",
    from: { path: room(name), pathNot: "\\.test\\.ts$" },
    to: { path: forbidden, pathNot: contracts },
  }));

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "no-orphans", severity: "error", from: { orphan: true, path: "^src/", pathNot: "\\.test\\.ts$" }, to: {} },
    {
      name: "no-dev-dependencies-in-the-library",
      severity: "error",
      from: { path: "^src/", pathNot: "\\.test\\.ts$" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "web-apis-only",
      comment: "These rooms run in browsers, Deno, Bun and edge runtimes.",
      severity: "error",
      from: { path: "^src/(core|retry|delivery|key|client|simulator)/", pathNot: "\\.test\\.ts$" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "cli-dependencies-stay-in-the-cli",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/cli/|\\.test\\.ts$" },
      to: { path: "node_modules/(commander|picocolors|cli-progress)/" },
    },
    ...floorRules,
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { conditionNames: ["@once-again/source", "import", "types", "node", "default"] },
  },
};
