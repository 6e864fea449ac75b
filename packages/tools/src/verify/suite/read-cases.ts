import type { ConformanceCase } from "../conformance-case.ts";
import type { VerifyProfile } from "../profile.ts";
import type { ProfileName } from "../profile-name.ts";
import { runSteps } from "./run-steps.ts";
import { type CaseData, profiles, requirements, suite } from "./cases-json.ts";

const byNumber = new Map(requirements.map((requirement) => [requirement.number, requirement]));

/** Whether a case tests a requirement of these rules. */
const isOf =
  (profile: string) =>
  (data: CaseData): boolean =>
    data.requirements.some((number) => byNumber.get(number)!.profile === profile);

function readCase(data: CaseData): ConformanceCase {
  const { id, title, requirements: numbers, steps } = data;
  const { why = "", source } = byNumber.get(numbers[0])!;
  return {
    id,
    title,
    reason: data.why ?? why,
    rule: data.source ?? source,
    requirement: numbers[0],
    run: (probe) => runSteps(steps, probe),
  };
}

/** The cases of a profile, in the order in which they run. */
export const casesOfProfile = (name: ProfileName): readonly ConformanceCase[] =>
  suite.cases.filter(isOf(name)).map(readCase);

/** The cases of the draft and of common practice, in the order in which they run. */
export const conformanceCases: readonly ConformanceCase[] = casesOfProfile("draft");

const isDrafts = isOf("draft");

function readProfile(name: string): VerifyProfile {
  const sentences = requirements
    .filter(({ profile }) => profile === name)
    .map(({ number, section = "", text, level, untested }) => ({
      section,
      text,
      level,
      cases: suite.cases.filter((data) => data.requirements.includes(number)).map(({ id }) => id),
      ...(untested !== undefined && { untested }),
    }));
  const { title, url } = profiles[name]!;
  const own = suite.cases.filter((data) => isOf(name)(data) && !isDrafts(data));
  return { title, url, sentences, cases: own.map(readCase) };
}

/** The published sets of rules that a server can be held to in the place of the draft. */
export const verifyProfiles = {
  acp: readProfile("acp"),
  stripe: readProfile("stripe"),
  ucp: readProfile("ucp"),
  webhooks: readProfile("webhooks"),
} as const satisfies Readonly<Record<Exclude<ProfileName, "draft">, VerifyProfile>>;
