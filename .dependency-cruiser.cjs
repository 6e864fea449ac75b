/**
 * The floors of docs/architecture.md: a room imports only from lower floors, and rooms on one floor do not import each
 * other.
 */
const library = (room) => `packages/once-again/src/${room}`;
const tools = (room) => `packages/tools/src/${room}`;

const floors = [
  [library("core")],
  ["retry", "delivery", "key"].map(library),
  ["client", "stores", "engine"].map(library),
  ["intents", "function", "http", "interceptors"].map(library),
  ["frameworks", "messaging", "mcp", "connect", "react"].map(library),
  ["opentelemetry", "agents", "cloudflare"].map(library),
  [library("command")],
  ["packages/testing/src"],
  ["packages/gateway/src", "packages/create-once-again/src"],
  ["simulator", "verify", "admin", "judge"].map(tools),
  ["lab", "learn", "audit"].map(tools),
  [tools("console")],
  [tools("cli")],
];

/** The ports, by which the rooms above them know a store. */
const ports = "^packages/once-again/src/stores/(store|intent-store|outbox-store)\\.ts$";

/** The type of each driver's client that a store takes. */
const clientTypes = "^packages/once-again/src/stores/[^/]+/client\\.ts$";

/** The face of the library for our own packages: it names what is not public. */
const face = "^packages/once-again/src/internal\\.ts$";

/** Unit tests sit beside their source, and stand on the top floor like all tests. */
const unitTest = "\\.test\\.ts$";

const packages = { path: "^packages/", pathNot: unitTest };

const inside = (room) => `^${room}/`;

/** Beside the packages: each may import from the packages, from itself, and from these. Tests may import from all of them. */
const besides = {
  "test/support": [],
  examples: [],
  scripts: ["test/support", "test/kits"],
  bench: ["test/support"],
};

const besideRules = Object.entries(besides).map(([folder, others]) => ({
  name: `floor-of-${folder}`,
  comment: `${folder} imports only from lower floors (docs/architecture.md).`,
  severity: "error",
  from: { path: inside(folder), pathNot: unitTest },
  to: { path: "^(bench|examples|scripts|test)/", pathNot: [folder, ...others].map(inside) },
}));

const floorRules = floors.flatMap((floor, level) =>
  floor.map((room) => ({
    name: `floor-of-${room.replace("/src", "")}`,
    comment: `${room} imports only from lower floors (docs/architecture.md).`,
    severity: "error",
    from: { path: inside(room), pathNot: unitTest },
    to: {
      path: floors
        .slice(level)
        .flat()
        .filter((other) => other !== room)
        .map(inside)
        .concat("^(bench|examples|scripts|test)/"),
      pathNot: ports,
    },
  })),
);

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: { pathNot: "/generated/" }, to: { circular: true } },
    { name: "no-orphans", severity: "error", from: { orphan: true, ...packages }, to: {} },
    {
      name: "no-dev-dependencies-in-a-package",
      severity: "error",
      from: { ...packages, path: "^packages/[^/]+/src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "web-apis-only",
      comment: "These rooms run in browsers, Deno, Bun and edge runtimes.",
      severity: "error",
      from: {
        path: [
          "core",
          "retry",
          "delivery",
          "key",
          "client",
          "intents",
          "cloudflare",
          "stores/indexeddb",
          "stores/react-native",
          "react",
        ]
          .map(library)
          .concat(tools("simulator"))
          .map(inside),
        pathNot: unitTest,
      },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "stores-by-their-ports",
      comment: "The rooms that run an operation know a store through its port alone.",
      severity: "error",
      from: {
        path: ["engine", "function", "http", "intents", "frameworks", "messaging", "mcp", "connect", "agents"]
          .map(library)
          .map(inside),
        pathNot: unitTest,
      },
      to: { path: inside(library("stores")), pathNot: ports },
    },
    {
      name: "messaging-by-its-faces",
      comment: "Other rooms know messages by the index.ts of outbox, inbox and webhooks.",
      severity: "error",
      from: { path: "^packages/once-again/src/", pathNot: [unitTest, inside(library("messaging")), face] },
      to: { path: inside(library("messaging")), pathNot: "/messaging/[^/]+/index\\.ts$" },
    },
    {
      name: "stores-by-their-faces",
      comment:
        "Other rooms know the stores by index.ts, the ports and the kits, and each store by its index.ts and by what opens it.",
      severity: "error",
      from: { path: "^packages/once-again/src/", pathNot: [unitTest, inside(library("stores")), face] },
      to: {
        path: inside(library("stores")),
        pathNot: [
          ports,
          `${inside(library("stores"))}index\\.ts$`,
          `${inside(library("stores"))}[^/]+/index\\.ts$`,
          `${inside(library("stores"))}kits?\\.ts$`,
          `${inside(library("stores"))}[^/]+/(kit|open)\\.ts$`,
          clientTypes,
        ],
      },
    },
    {
      name: "stores-by-their-client-types",
      comment:
        "What opens a store for a command knows the type of the driver's client that it takes, and no code of client.ts.",
      severity: "error",
      from: { path: "^packages/once-again/src/", pathNot: [unitTest, inside(library("stores")), face] },
      to: { path: clientTypes, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "stores-without-each-other",
      comment: "A store knows no other engine's store: stores/sql and stores/guard have what several need.",
      severity: "error",
      from: { path: `${inside(library("stores"))}(?!sql/|guard/)([^/]+)/`, pathNot: unitTest },
      to: { path: `${inside(library("stores"))}[^/]+/`, pathNot: `${inside(library("stores"))}($1|sql|guard)/` },
    },
    {
      name: "cli-dependencies-stay-in-the-cli",
      severity: "error",
      from: { path: "^packages/", pathNot: "^packages/(gateway|tools)/src/cli/|\\.test\\.ts$" },
      to: { path: "node_modules/(commander|cli-progress)/" },
    },
    ...floorRules,
    ...besideRules,
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    // Packing copies pages, exercises and the conformance suite into packages/*.
    exclude: {
      path: "(^|/)(node_modules|dist)/|^packages/create-once-again/templates/|^packages/[^/]+/(docs|conformance)/",
    },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { conditionNames: ["@once-again/source", "import", "types", "node", "default"] },
  },
};
