import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";

const read = (name: string): unknown => JSON.parse(readFileSync(`conformance/${name}.json`, "utf8"));

interface Requirement {
  readonly number: number;
  readonly profile: string;
  readonly level: string;
  readonly text: string;
  readonly source: string;
  readonly stricter?: true;
  readonly untested?: string;
}

const { requirements, profiles } = read("requirements") as {
  requirements: readonly Requirement[];
  profiles: Record<string, unknown>;
};
interface Cases {
  readonly cases: readonly { readonly id: string; readonly requirements: readonly number[] }[];
  readonly groups: Record<string, string>;
}

const http = read("cases") as Cases;
const mcp = read("mcp-cases") as Cases;
const cases = [...http.cases, ...mcp.cases];

function errorsOf(schema: string, value: unknown): unknown {
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, strictTuples: false });
  ajv.addFormat("uri", (text) => URL.canParse(text));
  const validate = ajv.compile(read(schema) as object);
  return validate(value) ? [] : validate.errors;
}

test.for(["cases", "mcp-cases", "requirements"])("%s.json fits its schema", (name) => {
  expect(errorsOf(`${name}.schema`, read(name))).toEqual([]);
});

test("each MUST that the draft does not say is stricter than the draft, by its own word", () => {
  const draft = requirements.filter(
    ({ level, source }) => level === "MUST" && source.includes("draft-ietf-httpapi-idempotency-key-header"),
  );
  // Its MUSTs that a server can break: a key is a string (2.1), and a request that was not corrected fails again (2.7).
  const said = [14, 73];
  expect(draft.filter(({ stricter }) => stricter !== true).map(({ number }) => number)).toEqual(said);
  expect(requirements.filter(({ stricter }) => stricter === true).length).toBe(draft.length - said.length);
});

test("a step that no runner knows, and an unknown verdict, do not fit", () => {
  const file = read("cases") as { cases: { steps: object[] }[] };
  file.cases[0]!.steps.push({ sleep: 5 });
  expect(errorsOf("cases.schema", file)).not.toEqual([]);
  const other = read("cases") as { judgements: Record<string, { verdict?: string }[]> };
  other.judgements["lost"]![0]!.verdict = "maybe";
  expect(errorsOf("cases.schema", other)).not.toEqual([]);
  const calls = read("mcp-cases") as { cases: { steps: object[] }[] };
  calls.cases[0]!.steps.push({ send: ["a"], how: "pipelined" });
  expect(errorsOf("mcp-cases.schema", calls)).not.toEqual([]);
});

test("numbers and ids are unique, and every reference leads somewhere", () => {
  const numbers = requirements.map(({ number }) => number);
  expect(new Set(numbers).size).toBe(numbers.length);
  const ids = cases.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(cases.flatMap((one) => one.requirements).filter((number) => !numbers.includes(number))).toEqual([]);
  expect(requirements.filter(({ profile }) => !Object.hasOwn(profiles, profile))).toEqual([]);
  expect(http.cases.filter(({ id }) => !Object.hasOwn(http.groups, id[0]!))).toEqual([]);
  expect(mcp.cases.filter(({ id }) => !Object.hasOwn(mcp.groups, id[1]!))).toEqual([]);
});

test("each requirement has a case, or says why none can test it", () => {
  const tested = new Set(cases.flatMap((one) => one.requirements));
  const wrong = requirements.filter(({ number, untested }) => tested.has(number) === (untested !== undefined));
  expect(wrong).toEqual([]);
});

test("the sentence of a requirement of practice has its level in it", () => {
  const ours = requirements.filter(({ profile }) => profile === "draft" || profile === "mcp");
  const wrong = ours.filter(({ level, text }) => !text.includes(level));
  expect(wrong).toEqual([]);
});
