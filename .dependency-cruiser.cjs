/**
 * The floors of docs/architecture.md. A room imports only from lower floors, and rooms on one floor do not
 * import each other. `stores/store.ts` (contracts only) and `stores/transition.ts` (the rules those contracts
 * promise) count as core.
 */
const floors = [
  ["core"],
  ["retry", "delivery", "key"],
  ["client", "server", "stores"],
  ["frameworks", "messaging", "gateway"],
  ["testing", "verify", "simulator", "lab"],
  ["cli"],
];

const contracts = "^src/stores/store\\.ts$";

const room = (name) => `^src/${name}/`;

/** Which rooms each room may not import: its floor mates and everything above. */
const floorRules = floors.flatMap((floor, level) =>
  floor.map((name) => ({
    name: `floor-of-${name}`,
    comment: `src/${name} imports only from lower floors (docs/architecture.md).`,
    severity: "error",
    from: { path: room(name), pathNot: "\\.test\\.ts$" },
    to: {
      path: floors
        .slice(level)
        .flat()
        .filter((other) => other !== name && !(name === "lab" && other === "testing"))
        .map(room),
      pathNot: contracts,
    },
  })),
);

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
      from: { path: "^src/(core|retry|delivery|key|client)/", pathNot: "\\.test\\.ts$" },
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
