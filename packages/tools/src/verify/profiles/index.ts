import { conformanceCases } from "../cases/index.ts";
import type { ConformanceCase } from "../conformance-case.ts";
import type { ProfileName } from "../profile-name.ts";
import { acp } from "./acp.ts";
import type { VerifyProfile } from "./profile.ts";
import { stripe } from "./stripe.ts";
import { webhooks } from "./webhooks.ts";

/** The published sets of rules that a server can be held to in the place of the draft. */
export const verifyProfiles: Readonly<Record<Exclude<ProfileName, "draft">, VerifyProfile>> = {
  acp,
  stripe,
  webhooks,
};

/** The cases of a profile, in the order in which they run. */
export function casesOfProfile(name: ProfileName): readonly ConformanceCase[] {
  if (name === "draft") return conformanceCases;
  const { sentences, cases } = verifyProfiles[name];
  const named = new Set<string>(sentences.flatMap((sentence) => sentence.cases));
  return [...conformanceCases, ...cases].filter(({ id }) => named.has(id));
}
