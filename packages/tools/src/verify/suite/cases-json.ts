import { readFileSync } from "node:fs";
import type { SendMode } from "../send-modes.ts";
import type { Expression } from "./expressions.ts";
import type { JudgementRule, Step } from "./run-steps.ts";

// The cases are data: conformance/cases.json, with the requirements that they test in conformance/requirements.json. This file
// has their types. read-cases.ts makes programs of them, and run-steps.ts runs their steps.

/** A change of a request: one member names it, and holds its argument. */
export type Change = Readonly<Record<string, unknown>>;

/** A step that HTTP servers alone have. */
export type HttpStep =
  | { readonly key: string; readonly uuid7DaysAgo?: number; readonly digits?: number }
  | { readonly request: string; readonly from?: string; readonly change?: readonly Change[] }
  | { readonly send: readonly string[]; readonly how?: SendMode; readonly times?: number | "memory" }
  | { readonly number: string; readonly is: Expression }
  | { readonly settle: string }
  | { readonly pause: "pauseMs" }
  | { readonly restart: true };

/** A case, as `conformance/cases.json` and `conformance/mcp-cases.json` have it. */
export interface CaseData<Own = HttpStep> {
  readonly id: string;
  readonly title: string;
  /** The first is the one that a failure breaks. */
  readonly requirements: readonly [number, ...number[]];
  /** Default: that of the first requirement. */
  readonly why?: string;
  /** Default: that of the first requirement. */
  readonly source?: string;
  readonly steps: readonly Step<Own>[];
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
  /** Whether the draft says less to servers at the place that is the source: SHOULD, MAY, or nothing. */
  readonly stricter?: true;
  readonly why?: string;
  /** Why no case can test it from outside. */
  readonly untested?: string;
}

/** A file of cases. */
export interface CasesFile<Own> {
  readonly version: number;
  readonly groups: Readonly<Record<string, string>>;
  readonly judgements: Readonly<Record<string, readonly JudgementRule[]>>;
  readonly cases: readonly CaseData<Own>[];
}

interface HttpCasesFile extends CasesFile<HttpStep> {
  /** Patterns of the names of headers, in lower case. */
  readonly headers: Readonly<Record<"result" | "message" | "replay", string>>;
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

/** Reads a file of the suite. */
export const readSuiteFile = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), "utf8"));

/** The cases for HTTP servers, as data. */
export const suite = readSuiteFile("cases.json") as HttpCasesFile;

/** The requirements that they test. */
export const { profiles, requirements } = readSuiteFile("requirements.json") as RequirementsFile;
