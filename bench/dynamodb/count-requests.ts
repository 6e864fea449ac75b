import { type AttributeValue, type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import type { Price } from "./results.ts";

/**
 * Counts requests to a table, and their capacity units by AWS' rules: a write costs one for each KB of the item, before or
 * after, also where its condition fails, and twice that in a transaction; a read one for each 4 KB, or half of that where it may be
 * stale. An emulator that says units says the same for all.
 *
 * @param direct a client of which no request is counted.
 */
export function requestCounter(direct: DynamoDBClient, table: string) {
  let [requests, readUnits, writeUnits]: [string[], number, number] = [[], 0, 0];
  /** The largest of the table's items that the request names. */
  const sizeOf = async (input: object): Promise<number> => {
    const keys = JSON.stringify(input);
    const { Items = [] } = await direct.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
    const named = Items.filter((item) => keys.includes(JSON.stringify(item["pk"]!.S)));
    return Math.max(0, ...named.map(itemBytes));
  };
  let counts = true;
  return {
    /** Sends a request, and counts it. */
    async count<Answer>(operation: string, input: object, send: () => Promise<Answer>): Promise<Answer> {
      if (!counts) return send();
      const before = await sizeOf(input);
      const [ended] = await Promise.allSettled([send()]);
      const bytes = Math.max(before, await sizeOf(input));
      requests.push(ended.status === "rejected" ? `${operation}, refused` : operation);
      if (operation === "GetItem") {
        const isConsistent = (input as { readonly ConsistentRead?: boolean }).ConsistentRead === true;
        readUnits += Math.max(1, Math.ceil(bytes / 4096)) * (isConsistent ? 1 : 0.5);
      } else if (["PutItem", "UpdateItem", "DeleteItem"].includes(operation)) {
        writeUnits += Math.max(1, Math.ceil(bytes / 1024));
      } else if (operation === "TransactWriteItems") {
        writeUnits += 2 * Math.max(1, Math.ceil(bytes / 1024));
      } else {
        throw new Error(`The price of ${operation} is not known.`);
      }
      if (ended.status === "rejected") throw ended.reason;
      return ended.value;
    },
    /** The price of all since the last time. */
    take(): Price {
      const price = { requests, readUnits, writeUnits };
      [requests, readUnits, writeUnits] = [[], 0, 0];
      return price;
    },
    stop: (): void => void (counts = false),
  };
}

/** The size of an item by AWS' rules: of each attribute its name in UTF-8, and its value. */
function itemBytes(item: Record<string, AttributeValue>): number {
  return Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value), 0);
}

function valueBytes({ S, N, B, M, L }: AttributeValue): number {
  if (S !== undefined) return Buffer.byteLength(S);
  // Two digits a byte, and one more.
  if (N !== undefined) return Math.ceil(N.replaceAll(/\D/g, "").length / 2) + 1;
  if (B !== undefined) return B.length;
  if (M !== undefined) return 3 + itemBytes(M) + Object.keys(M).length;
  if (L !== undefined) return 3 + L.reduce((sum, value) => sum + valueBytes(value) + 1, 0);
  return 1;
}
