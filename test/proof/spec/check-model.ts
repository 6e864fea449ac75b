import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findBinary } from "../../support/servers/binary.ts";
import { gccBinary, spinBinary } from "../../support/servers/spin.ts";
import type { ModelRun, Property } from "./models.ts";
import { waitMsMax } from "../../support/wait-ms-max.ts";

/** The result of one property of a model. */
export interface PropertyResult {
  readonly property: Property;
  readonly verdict: "holds" | "violated";
  /** Whether that is what was expected. */
  readonly asExpected: boolean;
  readonly states: number;
}

/** The results of one run of a model. */
export interface ModelResult {
  readonly model: ModelRun["model"];
  readonly definitions: readonly string[];
  readonly without: string | undefined;
  readonly properties: readonly PropertyResult[];
}

/** No model here needs more of them. One that runs into the bound is not exhausted, and fails. */
const depthMax = 400_000;
const memoryMegabytesMax = 1024;
/** The size of spin's table of states. Its default, 2^24, takes longer to clear than these models take. */
const hashBits = 18;

const outputBytesMax = 2 ** 28;

export const modelFile = (model: ModelRun["model"]): string =>
  fileURLToPath(new URL(`../../../spec/${model}.pml`, import.meta.url));

const runProgram = promisify(execFile);

/** Runs a program in a folder. A model grows by far before it takes as long as a test waits. */
async function run(cwd: string, program: string, args: readonly string[]): Promise<string> {
  const options = { cwd, timeout: waitMsMax, maxBuffer: outputBytesMax };
  return (await runProgram(program, [...args], options)).stdout;
}

/** Makes the program that goes through a model's states, hands it to `use`, and removes it. */
async function withModel<Value>(
  { model, definitions }: Pick<ModelRun, "model" | "definitions">,
  flags: readonly string[],
  use: (folder: string) => Promise<Value>,
): Promise<Value> {
  const folder = await mkdtemp(join(tmpdir(), "once-again-spec-"));
  try {
    const [spin, gcc] = [spinBinary, gccBinary].map((binary) => {
      const path = findBinary(binary);
      if (path === undefined) throw new Error(`${binary.name} is missing: ${binary.install}`);
      return path;
    }) as [string, string];
    await run(folder, spin, [...definitions.map((definition) => `-D${definition}`), "-a", modelFile(model)]);
    await run(folder, gcc, ["-w", `-DMEMLIM=${memoryMegabytesMax}`, ...flags, "-o", "pan", "pan.c"]);
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Checks the properties of one run, each by going through all states.
 *
 * @throws Error when a model can't be made, or is not exhausted: then it proves nothing.
 */
export function checkModel(modelRun: ModelRun): Promise<ModelResult> {
  const { model, definitions, without, holds, fails } = modelRun;
  return withModel(modelRun, [], async (folder) => {
    const properties: PropertyResult[] = [];
    for (const property of [...holds, ...fails]) {
      const found = await run(folder, "./pan", ["-a", `-m${depthMax}`, `-w${hashBits}`, "-N", nameIn(property)]);
      const errors = /errors: (\d+)/.exec(found)?.[1];
      const isWhole = !/Search not completed|max search depth too small|out of memory/.test(found);
      if (errors === undefined || (errors === "0" && !isWhole)) {
        throw new Error(`${model} ${definitions.join(" ")}: ${property} was not exhausted.\n${found}`);
      }
      const verdict = errors === "0" ? "holds" : "violated";
      const asExpected = (verdict === "violated") === fails.includes(property);
      properties.push({ property, verdict, asExpected, states: Number(/(\d+) states, stored/.exec(found)?.[1]) });
    }
    return { model, definitions, without, properties };
  });
}

/** The name of a property in its model, which can't have a "-". */
const nameIn = (property: Property): string => property.replaceAll(/: |[- ]/g, "_");

/** The steps that a model prints: everything that it can do, each once. */
export function modelSteps(model: ModelRun["model"], definitions: readonly string[]): Promise<ReadonlySet<string>> {
  // Without the reduction of orders: it leaves out steps that make no difference to a property.
  return withModel({ model, definitions: [...definitions, "GRAPH"] }, ["-DNOREDUCE"], async (folder) => {
    const lines = (await run(folder, "./pan", [`-m${depthMax}`, `-w${hashBits}`])).split("\n");
    return new Set(lines.flatMap((line) => (line.startsWith("STEP ") ? [line.slice("STEP ".length)] : [])));
  });
}

/** The guards that a model can be run without. */
export async function guardsOf(model: ModelRun["model"]): Promise<string[]> {
  const text = await readFile(modelFile(model), "utf8");
  return [...new Set([...text.matchAll(/\bNO_([A-Z]\d_[A-Z_]+)/g)].map(([, guard]) => guard!))].sort();
}

/** Checks models side by side; the results are in the order of the runs. */
export async function checkModels(
  runs: readonly ModelRun[],
  atOnce: number,
  onResult: (result: ModelResult) => void = () => undefined,
): Promise<ModelResult[]> {
  const results: ModelResult[] = [];
  const left = runs.entries();
  const work = async (): Promise<void> => {
    for (const [at, modelRun] of left) {
      const result = await checkModel(modelRun);
      results[at] = result;
      onResult(result);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}
