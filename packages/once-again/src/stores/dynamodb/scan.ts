import { checkListRequest, firstRecords, isListed, withSizes } from "../list-records.ts";
import type { InspectedRecord, ListRequest } from "../store.ts";
import { inspectRecord, isExpired } from "../transition.ts";
import { expressionParts } from "./conditional-write.ts";
import type { TableParts } from "./leased-operations.ts";
import type { Item } from "./api-types.ts";
import { readItem, text } from "./record-format.ts";

const isOurs = "begins_with(#pk, :prefix)";

/**
 * The first records of a list. The table keeps no order of names, so every item is read, and paid for; no more than twice `limit` records
 * are held at a time.
 */
export async function listRecords(
  { connection, table, prefix }: TableParts,
  request: ListRequest,
): Promise<InspectedRecord[]> {
  const limit = checkListRequest(request);
  let first: InspectedRecord[] = [];
  let from: Item | undefined;
  do {
    const { output, time } = await connection.send("Scan", {
      TableName: table,
      ConsistentRead: true,
      FilterExpression: isOurs,
      ...expressionParts([isOurs], { ":prefix": text(`${prefix}/`) }),
      ...(from && { ExclusiveStartKey: from }),
    });
    for (const item of output.Items ?? []) {
      const stored = readItem(item);
      if (stored?.record === undefined || isExpired(stored.record, time.earliest)) continue;
      const record = inspectRecord(stored, stored.record, time.earliest);
      if (isListed(request, record)) first.push(request.content === "sizes" ? withSizes(record) : record);
      if (first.length > 2 * limit) first = firstRecords(first, request);
    }
    from = output.LastEvaluatedKey;
  } while (from !== undefined);
  return firstRecords(first, request);
}
