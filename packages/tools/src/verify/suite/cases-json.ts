import { readFileSync } from "node:fs";
import type { SendMode } from "../sending.ts";
import type { Grade } from "../verdict.ts";

// The cases are data: conformance/cases.json, with the requirements that they test in conformance/requirements.json. This file
// has their types. read-cases.ts makes programs of them, and run-steps.ts runs their steps.

/** A condition or a value, in prefix notation: `["=", ["status", 0], 201]`. `conformance/README.md` lists the operators. */
export type Expression = string | number | boolean | readonly [operator: string, ...Expression[]];

/** A change of a request: one member names it, and holds its argument. */
export type Change = Readonly<Record<string, unknown>>;

/** One line of a judgement. The first line with a condition that is met decides. */
export interface JudgementRule {
  /** Missing: always met. */
  readonly when?: Expression;
  /** A verdict, or `go-on`: the next step follows. */
  readonly verdict?: Grade | "go-on";
  /** In the place of a verdict: the name of the grade for which the case has the verdict. */
  readonly grade?: string;
  /** The verdict for the grade when the case has none. Default `fail`. */
  readonly otherwise?: Grade;
  /** The report, with `{effects}`, `{response 0}` and so on filled in. */
  readonly say?: string;
}

/** One step of a case. Names stand for requests. */
export type Step =
  | { readonly key: string; readonly uuid7DaysAgo?: number; readonly digits?: number }
  | { readonly request: string; readonly from?: string; readonly change?: readonly Change[] }
  | { readonly send: readonly string[]; readonly how?: SendMode; readonly times?: number }
  | { readonly settle: string }
  | { readonly pause: "pauseMs" }
  | { readonly restart: true }
  | { readonly effects: "guess" | "exact" | "offered"; readonly of: readonly Step[] }
  | { readonly repeat: number; readonly steps: readonly Step[] }
  | { readonly each: Readonly<Record<string, readonly number[]>>; readonly steps: readonly Step[] }
  | {
      readonly judge: string | readonly JudgementRule[];
      readonly grades?: Readonly<Record<string, Grade | "go-on">>;
    };

/** A case, as `conformance/cases.json` has it. */
export interface CaseData {
  readonly id: string;
  readonly title: string;
  /** The first is the one that a failure breaks. */
  readonly requirements: readonly [number, ...number[]];
  /** Default: that of the first requirement. */
  readonly why?: string;
  /** Default: that of the first requirement. */
  readonly source?: string;
  readonly steps: readonly Step[];
}

/** A requirement, as `conformance/requirements.json` has it. */
export interface Requirement {
  /** Never changes and is never used again. */
  readonly number: number;
  readonly profile: string;
  readonly section?: string;
  readonly level: "MUST" | "SHOULD" | "MAY";
  readonly text: string;
  readonly source: string;
  readonly why?: string;
  /** Why no case can test it from outside. */
  readonly untested?: string;
}

interface CasesFile {
  readonly version: number;
  readonly groups: Readonly<Record<string, string>>;
  /** Patterns of the names of headers, in lower case. */
  readonly headers: Readonly<Record<"result" | "message" | "replay", string>>;
  readonly judgements: Readonly<Record<string, readonly JudgementRule[]>>;
  readonly cases: readonly CaseData[];
}

interface RequirementsFile {
  readonly profiles: Readonly<Record<string, { readonly title: string; readonly url: string }>>;
  readonly requirements: readonly Requirement[];
}

// The package ships a copy; from the sources the folder of the repository is read.
const folder = new URL(
  import.meta.url.endsWith(".ts") ? "../../../../../conformance/" : "../../../conformance/",
  import.meta.url,
);

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), "utf8"));

/** The cases, as data. */
export const suite = read("cases.json") as CasesFile;

/** The requirements that they test. */
export const { profiles, requirements } = read("requirements.json") as RequirementsFile;
