import { checkGroup, checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import type { LeasedMode, TransactionalMode } from "../../engine/options.ts";
import { nameProblem } from "../../key/key.ts";
import type { LeasedHttpOptions, TransactionalHttpOptions } from "../../http/index.ts";
import type { HttpRules, ProfileRules } from "../../http/http-options.ts";
import { routeNames } from "../../http/flat-options.ts";
import { type WebhookRoute, type WebhookRouteRules, webhookRouteRules } from "../../http/webhook-rules.ts";
import { dayMs, type Sender, type VerifyWebhook } from "./sender.ts";
import { toleranceSeconds } from "./timestamp-tolerance.ts";

/** How one endpoint for webhooks keeps its promise. */
export interface WebhookRules
  extends Omit<HttpRules<unknown>, "scope" | "methods" | "profile" | "skip">, Pick<WebhookRouteRules, "latest"> {
  /** The name of this endpoint in the store, 1 to 255 characters. Each needs another one: two senders may have one id. */
  readonly endpoint: string;
  /** Who sends: `stripeWebhooks(stripe, secret)` and the like, or a function of yours that verifies a signature. */
  readonly verify: Sender | VerifyWebhook;
  /**
   * How long a webhook is known, whole milliseconds, 10 minutes or more: longer than a signature holds, or an attacker could
   * send it again. Default longer than its sender sends it again, seven days where the sender does not say. Where no time is signed (GitHub, Shopify), an old webhook that was recorded is new again after that.
   */
  readonly retentionMs?: number | undefined;
  /** How the route answers its sender, where that differs from the draft. */
  readonly profile?: WebhookProfile | undefined;
}

type WebhookProfile = Pick<ProfileRules, "reusedStatus" | "retryAfterSeconds" | "problemBase">;

const { scope: _scope, methods: _methods, skip: _skip, ...commonNames } = routeNames;
const names: OptionNames<WebhookRules & LeasedMode> = { ...commonNames, endpoint: true, verify: true, latest: true };

const profileNames: OptionNames<WebhookProfile> = { reusedStatus: true, retryAfterSeconds: true, problemBase: true };

/** Five minutes before a sender's time and five after, its signature holds. */
const retentionMsMin = 2 * toleranceSeconds * 1000;

/** With `mode: "transactional"`: the key is committed with the rows that the handler writes. */
export function webhookRoute<Transaction>(
  options: WebhookRules & TransactionalMode<Transaction>,
): TransactionalHttpOptions<unknown, Transaction>;
/**
 * The options of a route that takes webhooks, for any framework: `onceExpress(webhookRoute(options))`.
 *
 * The signature is verified first, on the raw bytes: what is forged or stale gets 401, and the store is not asked. Then the
 * webhook's own id is its key. The handler runs once for each, and finds its id and time in `execution.event`. Every repeat
 * gets the first response; one that comes while the first runs gets 409 with `Retry-After`. With `latest`, in transactional mode, the
 * handler does not run for an event that is older than one of the same object that was handled.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 * @example
 * ```ts
 * const webhooks = webhookRoute({ store, endpoint: "stripe", verify: stripeWebhooks(stripe, process.env.STRIPE_WEBHOOK_SECRET!) });
 *
 * app.post("/webhooks/stripe", onceExpress(webhooks), express.json(), async (request, response) => {
 *   await fulfil((request.body as Stripe.Event).data.object);
 *   response.sendStatus(204);
 * });
 * ```
 */
export function webhookRoute(options: WebhookRules & LeasedMode): LeasedHttpOptions<unknown>;
export function webhookRoute<Transaction>(
  options: WebhookRules & (LeasedMode | TransactionalMode<Transaction>),
): (LeasedHttpOptions<unknown> | TransactionalHttpOptions<unknown, Transaction>) & WebhookRoute {
  checkNames("webhookRoute", options, names);
  const { endpoint, verify, latest, profile = {}, ...rules } = options;
  checkGroup("webhookRoute", "profile", profile, profileNames);
  if (nameProblem(endpoint) !== undefined) {
    throw invalidOptionError("endpoint", "the name of this endpoint, a string that no other endpoint has", endpoint);
  }
  const sender = senderOf(verify);
  const { clock = systemClock } = rules;
  return {
    ...rules,
    profile,
    scope: () => endpoint,
    [webhookRouteRules]: { identify: (request) => sender.verify(request, clock.now()), latest },
    fingerprint: rules.fingerprint ?? sender.fingerprint,
    retentionMs: checkNumber("retentionMs", rules.retentionMs ?? sender.retentionMs, { min: retentionMsMin }),
  };
}

function senderOf(verify: Sender | VerifyWebhook): Sender {
  if (typeof verify === "function") return { verify, retentionMs: 7 * dayMs };
  if (typeof verify?.verify === "function") return verify;
  throw invalidOptionError("verify", "a sender such as githubWebhooks(secret), or a function", verify);
}
