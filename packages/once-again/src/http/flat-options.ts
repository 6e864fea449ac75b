import { hasMethod, wrongClientError } from "../core/duck-typing.ts";
import { OnceAgainError } from "../core/errors.ts";
import { checkGroup, checkNames, type OptionNames } from "../core/option-names.ts";
import { checkChoice, invalidOptionError } from "../core/options.ts";
import type { LeasedMode, TransactionalMode } from "../engine/options.ts";
import type {
  HttpLimits,
  HttpOptions,
  HttpRules,
  ProfileRules,
  StepRules,
  UnknownOutcomeAction,
  UnknownOutcomeRules,
} from "./http-options.ts";
import { type WebhookRoute, type WebhookRouteRules, webhookRouteRules } from "./webhook-rules.ts";
import type { ProfileName } from "./profile.ts";

type Group = "profile" | "limits" | "steps" | "onUnknown";

/** The rules of a route without groups, as the code behind reads them: the engine has such options, too. */
export interface FlatRules<Request>
  extends
    Omit<HttpRules<Request>, Group>,
    Omit<ProfileRules, "name">,
    HttpLimits,
    StepRules,
    Omit<UnknownOutcomeRules<Request>, "action">,
    Partial<WebhookRouteRules> {
  readonly profile: ProfileName;
  readonly onUnknown: UnknownOutcomeAction<Request>;
}

/** The options of a route without groups. */
export type FlatOptions<Request, Transaction> = FlatRules<Request> & (LeasedMode | TransactionalMode<Transaction>);

export const routeNames: OptionNames<HttpRules<never> & LeasedMode> = {
  store: true,
  mode: true,
  scope: true,
  onUnknown: true,
  profile: true,
  methods: true,
  skip: true,
  fingerprint: true,
  noEffectStatuses: true,
  failureOf: true,
  limits: true,
  leaseMs: true,
  retentionMs: true,
  waitMs: true,
  steps: true,
  onEvent: true,
  onError: true,
  clock: true,
  random: true,
};

const profileNames: OptionNames<ProfileRules> = {
  name: true,
  keyHeader: true,
  keyRequired: "boolean",
  expiredKeys: true,
  reusedStatus: true,
  retryAfterSeconds: true,
  problemBase: true,
};

const limitNames: OptionNames<HttpLimits> = {
  bodyBytesMax: true,
  resultBytesMax: true,
  storeMsMax: true,
  handlerMsMax: true,
  quota: true,
};

const stepNames: OptionNames<StepRules> = { secret: true, checkpointBytesMax: true };

const unknownNames: OptionNames<UnknownOutcomeRules<never>> = {
  action: true,
  quiesceMs: true,
  acknowledgeDuplicates: "boolean",
  heldRetentionMs: true,
  label: true,
  details: "boolean",
};

const pathsIn = (group: Group, known: object): [string, string][] =>
  Object.keys(known).map((name) => [name, `${group}.${name}`]);

const paths = new Map([
  ...pathsIn("profile", profileNames),
  ...pathsIn("limits", limitNames),
  ...pathsIn("steps", stepNames),
  ...pathsIn("onUnknown", unknownNames),
]);

/** Names an option as the user writes it: `limits.bodyBytesMax` for `bodyBytesMax`. */
export function optionPath(name: string): string {
  return paths.get(name) ?? name;
}

/**
 * The options of a route without groups.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a name that is no option, or is in the wrong group.
 */
export function flattenOptions<Request, Transaction>(
  given: HttpOptions<Request, Transaction> & WebhookRoute,
): FlatOptions<Request, Transaction> {
  if (hasMethod(given, "claim")) throw wrongClientError("options", "an object such as { store, scope }", given);
  refuseFlat(given);
  checkNames("once-again", given, routeNames);
  const { profile, limits = {}, steps = {}, onUnknown, [webhookRouteRules]: webhook, ...others } = given;
  checkGroup("once-again", "limits", limits, limitNames);
  checkGroup("once-again", "steps", steps, stepNames);
  return { ...others, ...flatProfile(profile), ...limits, ...steps, ...flatUnknown(onUnknown), ...webhook };
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option that stands outside its group. */
function refuseFlat(given: object): void {
  for (const name in given) {
    const path = Object.hasOwn(routeNames, name) ? undefined : paths.get(name);
    if (path === undefined) continue;
    const [group] = path.split(".");
    throw new OnceAgainError(
      "ONCE_OPTION_INVALID",
      `once-again has no option "${name}". It is in the group ${group}: write { ${group}: { ${name}: … } }.`,
      { details: { option: name } },
    );
  }
}

function flatProfile(
  given: ProfileName | ProfileRules = "draft",
): Omit<ProfileRules, "name"> & { profile: ProfileName } {
  if (typeof given === "string") return { profile: checkProfileName("profile", given) };
  checkGroup("once-again", "profile", given, profileNames);
  const { name = "draft", ...rules } = given;
  return { ...rules, profile: checkProfileName("profile.name", name) };
}

const checkProfileName = (path: string, name: ProfileName): ProfileName => checkChoice(path, name, ["draft", "acp"]);

function flatUnknown<Request>(
  given: UnknownOutcomeAction<Request> | UnknownOutcomeRules<Request> = "hold",
): Omit<UnknownOutcomeRules<Request>, "action"> & { onUnknown: UnknownOutcomeAction<Request> } {
  if (typeof given !== "object") return { onUnknown: checkAction("onUnknown", given) };
  checkGroup("once-again", "onUnknown", given, unknownNames);
  const { action, ...rules } = given;
  return { ...rules, onUnknown: checkAction("onUnknown.action", action) };
}

function checkAction<Request>(path: string, action: UnknownOutcomeAction<Request>): UnknownOutcomeAction<Request> {
  if (typeof action === "function" || action === "hold" || action === "rerun" || action === "finish") return action;
  throw invalidOptionError(path, '"hold", "rerun", "finish" or a function that looks the effect up', action);
}
