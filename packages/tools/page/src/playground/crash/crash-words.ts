import type { Tone } from "../../lab/words.ts";
import type { EffectPlace } from "../page-api.ts";
import {
  type CallerKind,
  type CrashEvent,
  type CrashKind,
  type CrashResult,
  type CrashSettings,
  steps,
} from "./crash-settings.ts";

export const stepWords: Readonly<Record<(typeof steps)[number], string>> = {
  sent: "order sent",
  arrived: "request arrived",
  claimed: "key claimed",
  charged: "card charged",
  stored: "response stored",
  confirmed: "response received",
};

export const crashWords: Readonly<Record<CrashKind, string>> = {
  server: "The server dies",
  connection: "The connection breaks",
};

export const effectWords: Readonly<Record<EffectPlace, { readonly title: string; readonly means: string }>> = {
  row: {
    title: "A row in the server’s database",
    means: "Transactional mode: key, row and response commit together.",
  },
  provider: {
    title: "A call to a payment provider",
    means: "Leased mode: an unknown outcome is held for a person.",
  },
  "keyed-provider": {
    title: "A provider that honours keys",
    means: "Leased mode: the key goes along, so the handler may run again.",
  },
};

export const callerWords: Readonly<Record<CallerKind, { readonly title: string; readonly rule: string }>> = {
  "gives-up": { title: "Gives up", rule: "No response? Report an error." },
  "sends-again": { title: "Sends again", rule: "No response? Send the order again, up to three times." },
  "once-again": { title: "once-again", rule: "No response? Send the order again, with the same key." },
};

const allEventWords: Readonly<Record<CrashEvent["what"], { readonly text: string; readonly tone: Tone }>> = {
  sent: { text: "The order is sent.", tone: "plain" },
  "sent-again": { text: "The order is sent again.", tone: "plain" },
  refused: { text: "The server is down.", tone: "warning" },
  claimed: { text: "The key is claimed.", tone: "plain" },
  charged: { text: "The provider charges the card.", tone: "plain" },
  known: { text: "The provider knows the key, and charges nothing.", tone: "plain" },
  stored: { text: "The response is stored.", tone: "plain" },
  "rolled-back": { text: "The database rolls back.", tone: "plain" },
  died: { text: "✗ The server dies.", tone: "bad" },
  broke: { text: "✗ The connection breaks.", tone: "bad" },
  restarted: { text: "The server is back.", tone: "plain" },
  response: { text: "The response arrives.", tone: "good" },
  replayed: { text: "The first response arrives, from the store.", tone: "good" },
  "in-progress": { text: "The key is still claimed: come back later.", tone: "warning" },
  held: { text: "The outcome is unknown: the key is held.", tone: "warning" },
  "gave-up": { text: "The caller reports an error.", tone: "warning" },
};

/** A transaction says it differently: a row is written, and there once it is committed. */
const rowWords = {
  charged: "The charge is written.",
  stored: "The charge is committed.",
  keyed: "Key, charge and response are committed.",
} as const;

/** An event, in words. */
export function eventWords(
  what: CrashEvent["what"],
  effect: EffectPlace,
  caller: CallerKind,
): { readonly text: string; readonly tone: Tone } {
  const words = allEventWords[what];
  if (effect !== "row" || (what !== "charged" && what !== "stored")) return words;
  return { ...words, text: rowWords[what === "stored" && caller === "once-again" ? "keyed" : what] };
}

/** Where the crash lies, in words. */
export function placeWords(at: number): string {
  return `between “${stepWords[steps[at - 1]!]}” and “${stepWords[steps[at]!]}”`;
}

export const settingsWords = ({ at, crash }: CrashSettings): string => `${crashWords[crash]} ${placeWords(at)}.`;

/** The verdict on an order, by the ledger and by the end of the caller's call. */
export function verdictOf({ charges, belief, key }: CrashResult): {
  readonly text: string;
  readonly why: string;
  readonly tone: Tone;
} {
  if (charges > 1)
    return { text: `✗ charged ${charges} times`, why: "One order, and the customer has paid twice.", tone: "bad" };
  if (charges === 1 && belief === "confirmed") {
    return { text: "✓ charged once", why: "One order, one charge, and the caller knows it.", tone: "good" };
  }
  if (key === "abandoned") {
    const found = charges === 1 ? "charged once" : "not charged";
    return {
      text: `? ${found}, held`,
      why: "Nothing says whether the provider was reached. The key is held: no repeat charges, and a person looks it up.",
      tone: "warning",
    };
  }
  if (charges === 0)
    return { text: "✗ lost, never charged", why: "The order is gone, and only an error says so.", tone: "bad" };
  return {
    text: "✗ charged, reported as failed",
    why: "The customer has paid for an order that the caller believes to have failed.",
    tone: "bad",
  };
}
