import type { ConformanceCase } from "../conformance-case.ts";
import type { VerifyProfile } from "../profile.ts";
import type { ProfileName } from "../profile-name.ts";
import { describeCase, isOf, readProfile } from "./read-profile.ts";
import { runHttpSteps } from "./http-steps.ts";
import { type CaseData, suite } from "./cases-json.ts";

const readCase = (data: CaseData): ConformanceCase => ({
  ...describeCase(data),
  run: (probe) => runHttpSteps(data.steps, probe),
});

/** The cases of a profile, in the order in which they run. */
export const casesOfProfile = (name: ProfileName): readonly ConformanceCase[] =>
  suite.cases.filter(isOf(name)).map(readCase);

/** The cases of the draft and of common practice, in the order in which they run. */
export const conformanceCases: readonly ConformanceCase[] = casesOfProfile("draft");

const read = (name: string): VerifyProfile => readProfile(name, suite.cases, "draft", readCase);

/** The published sets of rules that a server can be held to in the place of the draft. */
export const verifyProfiles = {
  acp: read("acp"),
  stripe: read("stripe"),
  ucp: read("ucp"),
  webhooks: read("webhooks"),
} as const satisfies Readonly<Record<Exclude<ProfileName, "draft">, VerifyProfile>>;
