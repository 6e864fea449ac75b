import { computed, signal } from "@preact/signals";
import type {
  KeyDocument,
  KeyPage,
  KeysEvent,
  KeysFound,
  StoreSample,
} from "../../../src/console/keys/keys-protocol.ts";
import { listen, read } from "../session.ts";
import { addressText, type KeysAddress, readAddress, type StateFilter } from "./keys-address.ts";

/** The last quarter of an hour, as the console keeps it. */
const samplesMax = 450;

/** What the person looks for. */
export const scope = signal("");
export const stateFilter = signal<StateFilter>("");

/** The beginnings of the pages that lead to the one shown; the first page has none. */
export const trail = signal<readonly NonNullable<KeyPage["next"]>[]>([]);

export const page = signal<KeyPage | undefined>(undefined);
/** What a search by name found; the list of keys is in its place otherwise. */
export const found = signal<KeysFound | undefined>(undefined);
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
  found.value = undefined;
  // A letter typed is no place to come back to.
  history.replaceState(null, "", addressText(shown()));
  return loadKeys();
}

/** Looks for keys by what their names begin with, in the scope that is chosen or in all; the only one is opened. */
export async function find(beginning: string): Promise<void> {
  const query = new URLSearchParams({ key: beginning, ...(scope.value !== "" && { scope: scope.value }) });
  const heard = await read<KeysFound>(`keys/find?${query}`);
  const [only, ...others] = heard.keys;
  if (
    only !== undefined &&
    others.every(({ key }) => key !== beginning) &&
    (only.key === beginning || others.length === 0)
  ) {
    return open(only);
  }
  found.value = heard;
}

/** Opens a key, whole. Throws what `read` throws. */
export async function open(name: { scope: string; key: string }): Promise<void> {
  chosen.value = await readKey(name);
  visit(addressText(shown()));
}

/** Closes the key that is open. */
export function close(): void {
  chosen.value = undefined;
  visit(addressText(shown()));
}

/** Shows what the address says. */
export async function arrive(): Promise<void> {
  const address = readAddress(location.hash);
  scope.value = address.scope;
  stateFilter.value = address.state;
  trail.value = [];
  found.value = undefined;
  openProblem.value = undefined;
  chosen.value = undefined;
  try {
    if (address.open !== undefined) chosen.value = await readKey(address.open);
  } catch (error) {
    openProblem.value = (error as Error).message;
  }
  await loadKeys();
}

/** Why the key that the address names is not shown. */
export const openProblem = signal<string | undefined>(undefined);

const readKey = ({ scope, key }: { scope: string; key: string }): Promise<KeyDocument> =>
  read<KeyDocument>(`keys/show?${new URLSearchParams({ scope, key })}`);

const shown = (): KeysAddress => ({ scope: scope.value, state: stateFilter.value, open: chosen.value });

/** A new place, to which Back comes back. */
function visit(address: string): void {
  if (location.hash !== address) history.pushState(null, "", address);
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
