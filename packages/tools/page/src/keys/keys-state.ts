import { computed, effect, signal } from "@preact/signals";
import type { HeldKey, KeyDocument, KeyPage, KeySummary } from "../../../src/admin/key-document.ts";
import type { KeysEvent, Searching, StoreSample } from "../../../src/console/keys/keys-protocol.ts";
import { listen, read } from "../session.ts";

/** The last quarter of an hour, as the console keeps it. */
const samplesMax = 450;

export type StateFilter = "" | KeySummary["state"];

/** The person looks for keys in scopes that begin so, with this key or label, in this state: held ones first. */
export const scope = signal("");
export const key = signal("");
export const label = signal("");
export const stateFilter = signal<StateFilter>("held");

/** The held keys that are marked, to be settled together. */
export const marked = signal<readonly HeldKey[]>([]);

/** The beginnings of the pages that lead to the one shown; the first page has none. */
export const trail = signal<readonly NonNullable<KeyPage["next"]>[]>([]);

export const page = signal<KeyPage | undefined>(undefined);
/** Whether the store still looks for the page that was asked for. */
export const isSearching = signal(false);
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
  if (scope.value !== "") query.set("scopePrefix", scope.value);
  if (key.value !== "") query.set("key", key.value);
  if (label.value !== "") query.set("label", label.value);
  if (stateFilter.value !== "") query.set("state", stateFilter.value);
  const after = trail.value.at(-1);
  if (after !== undefined) {
    query.set("afterScope", after.scope);
    query.set("afterKey", after.key);
    if (after.leaseUntil !== undefined) query.set("afterLease", String(after.leaseUntil));
  }
  try {
    let found = await read<KeyPage | Searching>(`keys/list?${query}`);
    while ("searching" in found) {
      if (mine !== asked) return;
      isSearching.value = true;
      found = await read<KeyPage | Searching>(`keys/list?${query}`);
    }
    if (mine !== asked) return;
    page.value = found;
    [listProblem.value, isSearching.value] = [undefined, false];
  } catch (error) {
    if (mine === asked) [listProblem.value, isSearching.value] = [(error as Error).message, false];
  }
}

/** Shows another selection, from its first page on. */
export function search(filter: { scope?: string; key?: string; label?: string; state?: StateFilter }): Promise<void> {
  scope.value = filter.scope ?? scope.value;
  key.value = filter.key ?? key.value;
  label.value = filter.label ?? label.value;
  marked.value = [];
  stateFilter.value = filter.state ?? stateFilter.value;
  trail.value = [];
  return loadKeys();
}

/** Opens a key, whole. Throws what `read` throws. */
export async function open(name: { scope: string; key: string }): Promise<void> {
  chosen.value = await read<KeyDocument>(`keys/show?${new URLSearchParams({ scope: name.scope, key: name.key })}`);
}

/** Says in the tab's title how many keys are held, while the page follows the store. */
const titled = (): (() => void) => {
  const plain = document.title;
  const stop = effect(() => {
    const now = latest.value;
    if (now === undefined) return;
    const held = "problem" in now ? "?" : now.held;
    document.title = held === 0 ? plain : `(${held}) held · ${plain}`;
  });
  return () => {
    stop();
    document.title = plain;
  };
};

/** Follows the store, and with it the keys shown, until the returned function is called. */
export function follow(): () => void {
  const untitle = titled();
  const stop = listen("keys/watch", {
    onState: (problem) => void (streamProblem.value = problem),
    onEvent: (event, data) => {
      const heard = { event, data } as KeysEvent;
      samples.value = heard.event === "history" ? heard.data : [...samples.value, heard.data].slice(-samplesMax);
      void loadKeys();
    },
  });
  return () => {
    stop();
    untitle();
  };
}
