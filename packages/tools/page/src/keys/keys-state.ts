import { computed, signal } from "@preact/signals";
import type { KeyDocument, KeyPage, KeySummary } from "../../../src/admin/key-document.ts";
import type { KeysEvent, StoreSample } from "../../../src/console/keys/keys-protocol.ts";
import { listen, read } from "../session.ts";

/** The last quarter of an hour, as the console keeps it. */
const samplesMax = 450;

export type StateFilter = "" | KeySummary["state"];

/** What the person looks for. */
export const scope = signal("");
export const stateFilter = signal<StateFilter>("");

/** The beginnings of the pages that lead to the one shown; the first page has none. */
export const trail = signal<readonly NonNullable<KeyPage["next"]>[]>([]);

export const page = signal<KeyPage | undefined>(undefined);
export const listProblem = signal<string | undefined>(undefined);
export const chosen = signal<KeyDocument | undefined>(undefined);
export const samples = signal<readonly StoreSample[]>([]);
export const streamProblem = signal<string | undefined>(undefined);
export const latest = computed(() => samples.value.at(-1));

let asked = 0;

/** Reads the page of keys that is shown. An answer that a later question has overtaken is dropped. */
export async function loadKeys(): Promise<void> {
  const mine = (asked += 1);
  const query = new URLSearchParams({ limit: "50" });
  if (scope.value !== "") query.set("scope", scope.value);
  if (stateFilter.value !== "") query.set("state", stateFilter.value);
  const after = trail.value.at(-1);
  if (after !== undefined) {
    query.set("afterScope", after.scope);
    query.set("afterKey", after.key);
  }
  try {
    const found = await read<KeyPage>(`keys/list?${query}`);
    if (mine !== asked) return;
    page.value = found;
    listProblem.value = undefined;
  } catch (error) {
    if (mine === asked) listProblem.value = (error as Error).message;
  }
}

/** Shows another selection, from its first page on. */
export function search(filter: { scope?: string; state?: StateFilter }): Promise<void> {
  scope.value = filter.scope ?? scope.value;
  stateFilter.value = filter.state ?? stateFilter.value;
  trail.value = [];
  return loadKeys();
}

/** Opens a key, whole. Throws what `read` throws. */
export async function open(name: { scope: string; key: string }): Promise<void> {
  chosen.value = await read<KeyDocument>(`keys/show?${new URLSearchParams({ scope: name.scope, key: name.key })}`);
}

/** Follows the store, and with it the keys shown, until the returned function is called. */
export function follow(): () => void {
  return listen("keys/watch", {
    onState: (problem) => void (streamProblem.value = problem),
    onEvent: (event, data) => {
      const heard = { event, data } as KeysEvent;
      samples.value = heard.event === "history" ? heard.data : [...samples.value, heard.data].slice(-samplesMax);
      void loadKeys();
    },
  });
}

/** The name under which a person settles keys, as long as the page is open. */
export const operator = signal("");
