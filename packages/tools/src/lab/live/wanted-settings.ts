import { invalidOptionError } from "once-again/internal";

/**
 * The settings with a change that someone asks for; its values are still to be checked.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a change that is no object, or has an unknown name.
 */
export function wantedSettings<Settings extends object>(settings: Settings, change: unknown): Settings {
  if (typeof change !== "object" || change === null) throw invalidOptionError("settings", "an object", change);
  const unknown = Object.keys(change).find((name) => !Object.hasOwn(settings, name));
  if (unknown !== undefined) throw invalidOptionError("settings", `of ${Object.keys(settings).join(", ")}`, unknown);
  return { ...settings, ...change };
}
