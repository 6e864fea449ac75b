import { joinBytes } from "../../core/bytes.ts";
import { sha256 } from "../../key/sha256.ts";
import { hexBytes, hmacVerifier } from "./hmac.ts";
import { dayMs, exactText, jsonMembers, type Secrets, type Sender } from "./sender.ts";
import { toleranceSeconds } from "./timestamp-tolerance.ts";

/**
 * Requests of Slack: `X-Slack-Signature`, five minutes old at most. Events are named by their `event_id`, which is the same in
 * all of the three times that Slack sends one again within minutes (with delayed events, hourly for a day). Commands and
 * interactions, which have none, are named by their body (https://docs.slack.dev/authentication/verifying-requests-from-slack,
 * https://docs.slack.dev/apis/events-api).
 *
 * @param secret the app's signing secret; several while they are rotated.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an invalid secret.
 */
export function slackWebhooks(secret: Secrets): Sender {
  const holds = hmacVerifier(secret);
  return {
    retentionMs: 7 * dayMs,
    async verify({ body, header }, nowMs) {
      const time = header("x-slack-request-timestamp") ?? "";
      const [, hex] = /^v0=(.*)$/.exec(header("x-slack-signature") ?? "") ?? [];
      if (!/^\d{1,12}$/.test(time) || Math.abs(nowMs / 1000 - Number(time)) > toleranceSeconds) return undefined;
      const signed = joinBytes([new TextEncoder().encode(`v0:${time}:`), body]);
      if (!(await holds(hexBytes(hex), signed))) return undefined;
      const { event_id: eventId, event_time: eventTime } = jsonMembers(exactText(body));
      const key = typeof eventId === "string" ? eventId : `sha256:${await sha256(body)}`;
      const occurredAt = typeof eventTime === "number" ? eventTime * 1000 : undefined;
      return { key, event: { id: key, occurredAt } };
    },
  };
}
