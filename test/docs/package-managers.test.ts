import { expect, test } from "vitest";
import { isInstallation, translateCommands } from "../../docs/.vitepress/package-managers.ts";

test.each([
  [
    "npm install once-again express",
    "pnpm add once-again express",
    "yarn add once-again express",
    "bun add once-again express",
  ],
  ["npm install --save-dev vitest", "pnpm add -D vitest", "yarn add -D vitest", "bun add -D vitest"],
  ["npm install", "pnpm install", "yarn install", "bun install"],
  [
    "npm init -y && npm pkg set type=module",
    "pnpm init && npm pkg set type=module",
    "yarn init -y && npm pkg set type=module",
    "bun init -y && npm pkg set type=module",
  ],
  ["npm create once-again", "pnpm create once-again", "yarn create once-again", "bun create once-again"],
  [
    "npm create once-again shop -- --store sqlite",
    "pnpm create once-again shop --store sqlite",
    "yarn create once-again shop --store sqlite",
    "bun create once-again shop --store sqlite",
  ],
  [
    "npm create once-again -- --help",
    "pnpm create once-again --help",
    "yarn create once-again --help",
    "bun create once-again --help",
  ],
  [
    "npx @once-again/tools lab",
    "pnpm dlx @once-again/tools lab",
    "yarn dlx @once-again/tools lab",
    "bunx @once-again/tools lab",
  ],
  ["npm run kill -- --hard", "pnpm run kill --hard", "yarn run kill --hard", "bun run kill --hard"],
  ["npm test", "pnpm test", "yarn test", "bun run test"],
  ["node npm install.ts", "node npm install.ts", "node npm install.ts", "node npm install.ts"],
])("%s, for pnpm, yarn and bun", (npm, pnpm, yarn, bun) => {
  const block = `cd shop\n${npm}\n`;
  expect(translateCommands(block, "npm")).toBe(block);
  expect(translateCommands(block, "pnpm")).toBe(`cd shop\n${pnpm}\n`);
  expect(translateCommands(block, "yarn")).toBe(`cd shop\n${yarn}\n`);
  expect(translateCommands(block, "bun")).toBe(`cd shop\n${bun}\n`);
});

test.each([
  ["npm install once-again\n", true],
  ["cd shop\nnpm create once-again\n", true],
  ["npm install\nnpm start\n", false],
  ["npm install -g @once-again/tools\n", false],
  ["npm run explore\n", false],
  ["npx @once-again/tools lab\n", false],
])("whether %j lets a reader choose: %s", (commands, isOffered) => {
  expect(isInstallation(commands)).toBe(isOffered);
});
