import type { VerifyProfile } from "../profile.ts";
import { type CaseData, profiles, requirements } from "./cases-json.ts";

const byNumber = new Map(requirements.map((requirement) => [requirement.number, requirement]));

/** Whether a case tests a requirement of these rules. */
export const isOf =
  (profile: string) =>
  (data: Pick<CaseData, "requirements">): boolean =>
    data.requirements.some((number) => byNumber.get(number)!.profile === profile);

/** The words about a case: its own, or those of the requirement that a failure of it breaks. */
export function describeCase({ id, title, requirements: [requirement], why, source }: Omit<CaseData, "steps">) {
  const broken = byNumber.get(requirement)!;
  return { id, title, reason: why ?? broken.why ?? "", rule: source ?? broken.source, requirement };
}

/** A published set of rules: each sentence with the cases that test it, and the cases that only these rules know. */
export function readProfile<Own extends object, Case>(
  name: string,
  cases: readonly CaseData<Own>[],
  base: string,
  readCase: (data: CaseData<Own>) => Case,
): VerifyProfile<Case> {
  const sentences = requirements
    .filter(({ profile }) => profile === name)
    .map(({ number, section = "", text, level, untested }) => ({
      section,
      text,
      level,
      cases: cases.filter((data) => data.requirements.includes(number)).map(({ id }) => id),
      ...(untested !== undefined && { untested }),
    }));
  const { title, url } = profiles[name]!;
  const own = cases.filter((data) => isOf(name)(data) && !isOf(base)(data));
  return { title, url, sentences, cases: own.map(readCase) };
}
