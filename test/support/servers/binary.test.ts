import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../temporary-folder.ts";
import { findBinary, type ServerBinary } from "./binary.ts";
import { describeWithServer } from "./describe-with-server.ts";
import { kafkaBinary } from "./kafka.ts";
import { motoBinary } from "./moto.ts";
import { gccBinary } from "./spin.ts";

/** Writes a program that does this, in sh, into a new folder. @returns its path. */
function writeProgram(name: string, text: string): string {
  const program = join(temporaryFolder(), name);
  writeFileSync(program, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return program;
}

/** Has PATH begin with these folders. */
function usePath(...folders: readonly string[]): void {
  const { PATH } = process.env;
  onTestFinished(() => void (process.env["PATH"] = PATH));
  process.env["PATH"] = [...folders, PATH].join(":");
}

test("of several versions the highest is found", () => {
  const folder = temporaryFolder();
  for (const version of ["9", "15", "14"]) {
    mkdirSync(join(folder, version, "bin"), { recursive: true });
    writeFileSync(join(folder, version, "bin", "some-server"), "");
  }
  const binary = { name: "some-server", folders: [`${folder}/*/bin`], install: "apt-get install -y some-server" };
  expect(findBinary(binary)).toBe(join(folder, "15", "bin", "some-server"));
});

test("a program that does not do what tests need is passed over, and is there when it does", () => {
  const [first, second] = [writeProgram("some-server", ""), writeProgram("some-server", "")];
  const broken = new Set([first]);
  const binary: ServerBinary = {
    name: "some-server",
    folders: [join(first, ".."), join(second, "..")],
    attempt(program) {
      if (broken.has(program)) throw new Error("no library");
    },
    install: "apt-get install -y some-server some-library",
  };
  broken.add(second);
  expect(findBinary(binary)).toBeUndefined();
  broken.delete(second);
  expect(findBinary(binary)).toBe(second);
});

describeWithServer("with gcc", gccBinary, () => {
  test.for([
    ["a gcc without the headers of librdkafka", "librdkafka/rdkafka.h"],
    ["a gcc without librdkafka itself", "-lrdkafka"],
  ] as const)("%s is no Kafka", ([, missing]) => {
    const real = findBinary(gccBinary)!;
    // It fails as the real one does where this is not installed, and is the real one otherwise.
    const program = writeProgram(
      "gcc",
      `grep -q '${missing}' "$1" && exit 1\ncase "$*" in *${missing}*) exit 1;; esac\nexec ${real} "$@"`,
    );
    usePath(join(program, ".."));
    expect(findBinary({ ...gccBinary })).toBe(program);
    expect(findBinary({ ...kafkaBinary })).not.toBe(program);
  });
});

describeWithServer("with moto", motoBinary, () => {
  test("a Python that finds no moto is passed over, though its moto_server comes first on PATH", () => {
    const python = writeProgram("python3", "echo \"ModuleNotFoundError: No module named 'moto'\" >&2\nexit 1");
    writeFileSync(join(python, "../moto_server"), "#!/bin/sh\n", { mode: 0o755 });
    usePath(join(python, ".."));
    expect(findBinary({ ...motoBinary, folders: [] })).not.toBe(python);
    expect(findBinary({ ...motoBinary })).toBe(findBinary(motoBinary));
  });
});
