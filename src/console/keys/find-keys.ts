import type { InspectedRecord, RecordName, Store } from "../../stores/store.ts";
import type { KeysFound } from "./keys-protocol.ts";
import { recordSummary } from "./record-json.ts";

/** So many keys are looked at, and so many are found, at most: a store is not kept busy for one person. */
const lookedMax = 20_000;
const foundMax = 50;
const pageSize = 1000;

/**
 * Looks for keys by what their names begin with. The port has no order but scope and key, so all of them are looked at
 * in turn, up to a bound.
 */
export async function findKeys(
  store: Pick<Store, "list">,
  beginning: string,
  { scope }: { readonly scope?: string },
): Promise<KeysFound> {
  const found: InspectedRecord[] = [];
  let looked = 0;
  let after: RecordName | undefined;
  do {
    const page = await store.list({
      limit: pageSize,
      ...(scope !== undefined && { scope }),
      ...(after !== undefined && { after }),
    });
    looked += page.length;
    found.push(...page.filter(({ key }) => key.startsWith(beginning)));
    after = page.length === pageSize ? page.at(-1) : undefined;
  } while (after !== undefined && looked < lookedMax && found.length < foundMax);
  const wholeFirst = found.toSorted((one, other) => Number(other.key === beginning) - Number(one.key === beginning));
  return { keys: wholeFirst.slice(0, foundMax).map(recordSummary), looked, isWhole: after === undefined };
}
