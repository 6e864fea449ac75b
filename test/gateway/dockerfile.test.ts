import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCli } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// No Docker is here to build the image: the file is parsed, and its parts are held against the package.

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The instructions of a Dockerfile, without comments; a line that a backslash ends goes on with the next one. */
function parseDockerfile(text: string): Instruction[] {
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line));
  return lines
    .join("\n")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [, name, rest] = /^([A-Z]+)\s+(.+)$/.exec(line) ?? [];
      if (name === undefined || rest === undefined) throw new Error(`No instruction: ${line}`);
      return { name, rest: rest.trim() };
    });
}

/** The stages: each begins with its FROM. */
function stagesOf(instructions: readonly Instruction[]): Instruction[][] {
  const stages: Instruction[][] = [];
  for (const instruction of instructions) {
    if (instruction.name === "FROM") stages.push([]);
    stages.at(-1)!.push(instruction);
  }
  return stages;
}

const { bin, engines } = JSON.parse(readFileSync("packages/gateway/package.json", "utf8")) as {
  bin: Record<string, string>;
  engines: { node: string };
};
const file = readFileSync("packages/gateway/Dockerfile", "utf8");
const stages = stagesOf(parseDockerfile(file));
const [install, image] = stages as [Instruction[], Instruction[]];
const rest = (stage: readonly Instruction[], name: string): string =>
  stage.findLast((instruction) => instruction.name === name)?.rest ?? "";
const words = (stage: readonly Instruction[], name: string): string[] =>
  JSON.parse(rest(stage, name).replace(/^.*?CMD /, "")) as string[];

describe("the image of the gateway", () => {
  test("has two stages, on a Node that the package takes", () => {
    const names = ["FROM", "WORKDIR", "ARG", "COPY", "RUN", "ENV", "VOLUME", "USER", "EXPOSE", "HEALTHCHECK"];
    const known = new Set([...names, "STOPSIGNAL", "ENTRYPOINT", "CMD"]);
    expect(stages.flat().filter(({ name }) => !known.has(name))).toEqual([]);
    const base = rest(image, "FROM");
    expect(base).toMatch(/^node:24-alpine@sha256:[0-9a-f]{64}$/);
    expect(rest(install, "FROM")).toBe(`${base} AS install`);
    expect(engines.node).toBe(">=22.21.0");
    expect(rest(image, "COPY")).toBe("--from=install /gateway /gateway");
  });

  test("has the tarballs installed, and no registry's copy of our packages", () => {
    expect(rest(install, "COPY")).toBe("*.tgz /packages/");
    expect(rest(install, "RUN")).toMatch(/^npm install --ignore-scripts .*\/packages\/\*\.tgz \$\{DRIVERS\}$/);
    expect(file).not.toMatch(/npm install.* (?:@once-again|once-again)/);
  });

  test("runs as a user without rights, once its files are in place", () => {
    const at = image.findIndex(({ name }) => name === "USER");
    expect(image[at]?.rest).toBe("node");
    expect(image.slice(at).filter(({ name }) => name === "RUN" || name === "COPY")).toEqual([]);
  });

  test("starts the package's command with flags that it has, and a configuration of the user's", async () => {
    const [program = "", ...flags] = words(image, "ENTRYPOINT");
    expect(Object.keys(bin)).toContain(basename(program));
    expect(program).toBe(`/gateway/node_modules/.bin/${basename(program)}`);
    expect(words(image, "CMD")).toEqual(["--config", "/etc/once-again/gateway.yaml"]);
    const folder = temporaryFolder();
    const config = join(folder, "gateway.yaml");
    // Also where the user's file has other ports.
    const settings = [
      "upstream: http://api:8080",
      "store: sqlite:keys.db",
      "scope: header:x-account",
      "listen: { port: 80 }",
    ];
    writeFileSync(config, settings.join("\n"));
    const { code, stdout } = await runCli(["gateway", ...flags, "--config", config, "--check"], {}, folder);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("admin     127.0.0.1:8082\n") });
  });

  test("asks its own port for operators how it is, and opens that of callers alone", () => {
    const [, ...flags] = words(image, "ENTRYPOINT");
    const valueOf = (flag: string): string | undefined => flags[flags.indexOf(flag) + 1];
    expect(rest(image, "EXPOSE")).toBe(valueOf("--port"));
    expect(words(image, "HEALTHCHECK").at(-1)).toBe(`http://127.0.0.1:${valueOf("--admin-port")}/-/health`);
  });

  test("has a line in its head for each step, which names packages that there are", () => {
    const [, line = ""] = /^# {3}(npm pack .*)$/m.exec(file) ?? [];
    const names = Array.from(line.matchAll(/--workspace (\S+)/g), ([, name]) => name);
    expect(names).toEqual(["once-again", "@once-again/gateway"]);
  });
});
