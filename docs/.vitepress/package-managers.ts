/** Commands of npm as the other package managers have them: the pages are written for npm alone. */

/** The package managers that a reader can choose, npm first. */
export const packageManagers = ["npm", "pnpm", "yarn", "bun"] as const;

/** One of them. */
export type PackageManager = (typeof packageManagers)[number];

interface Words {
  readonly init: string;
  readonly install: string;
  readonly add: string;
  readonly create: string;
  readonly run: string;
  readonly test: string;
  readonly execute: string;
}

const wordsOf: Readonly<Record<Exclude<PackageManager, "npm">, Words>> = {
  pnpm: {
    init: "pnpm init",
    install: "pnpm install",
    add: "pnpm add",
    create: "pnpm create",
    run: "pnpm run",
    test: "pnpm test",
    execute: "pnpm dlx",
  },
  yarn: {
    init: "yarn init -y",
    install: "yarn install",
    add: "yarn add",
    create: "yarn create",
    run: "yarn run",
    test: "yarn test",
    execute: "yarn dlx",
  },
  bun: {
    init: "bun init -y",
    install: "bun install",
    add: "bun add",
    create: "bun create",
    run: "bun run",
    test: "bun run test",
    execute: "bunx",
  },
};

/** Whether a block of commands installs or creates something: only then a reader has to choose. */
export function isInstallation(commands: string): boolean {
  return /^npm (install (?!-g|--global)[@\w-]|create )/m.test(commands);
}

/** A block of commands, for another package manager. A line without a command of npm stays as it is. */
export function translateCommands(commands: string, manager: PackageManager): string {
  if (manager === "npm") return commands;
  const words = wordsOf[manager];
  const translate = (command: string): string =>
    command
      .replace(/^npm init -y/, words.init)
      .replace(/^npm (?:install|i) (?=[@\w-])/, `${words.add} `)
      .replace(/^npm install$/, words.install)
      .replace(/^npm create (\S+)( \w\S*)?(?: --)?/, `${words.create} $1$2`)
      .replace(/^npm run (\S+)(?: --)?/, `${words.run} $1`)
      .replace(/^npm test(?: --)?/, words.test)
      .replace(/^npx /, `${words.execute} `)
      .replace(/ --save-dev\b/, " -D");
  return commands
    .split("\n")
    .map((line) => line.split(" && ").map(translate).join(" && "))
    .join("\n");
}
