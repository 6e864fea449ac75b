import { checkChoice, checkNumber } from "once-again/internal";
import { legMs, type Speed } from "../../live/live-protocol.ts";
import { messagesBounds, type MessagesSettings } from "./messages-protocol.ts";
import { wantedSettings } from "../../live/wanted-settings.ts";

/** The settings with which the live story of messages begins. */
export const messagesDefaults: MessagesSettings = {
  orders: 300,
  seed: 1,
  concurrency: 8,
  faults: 0.3,
  speed: "fast",
};

/** How much slower than in the report messages are on their way. */
export const slowness: Readonly<Record<Speed, number>> = { slow: 250, brisk: 60, fast: 12, full: 1 };

/**
 * The settings with some of them changed.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for one that is unknown or out of bounds.
 */
export function changeMessagesSettings(settings: MessagesSettings, change: unknown): MessagesSettings {
  const wanted = wantedSettings(settings, change);
  return {
    orders: checkNumber("orders", wanted.orders, { ...messagesBounds.orders, integer: true }),
    seed: checkNumber("seed", wanted.seed, { ...messagesBounds.seed, integer: true }),
    concurrency: checkNumber("concurrency", wanted.concurrency, { ...messagesBounds.concurrency, integer: true }),
    faults: checkNumber("faults", wanted.faults, messagesBounds.faults),
    speed: checkChoice("speed", wanted.speed, Object.keys(legMs) as Speed[]),
  };
}
