import type { ConditionCheck, Item, Put, Update } from "./api-types.ts";
import { text } from "./record-format.ts";

/** The condition of a write, with its values. */
export interface Condition {
  readonly condition: string;
  readonly values: Item;
}

/** A change of one item, on a condition. */
export interface Change extends Condition {
  /** The key of the item. */
  readonly pk: string;
  readonly update: string;
  /** Names that stand for other attributes than their own. */
  readonly names?: Readonly<Record<string, string>> | undefined;
}

/** Has the refusal of a write show the item that was there. */
export const showsOld = { ReturnValuesOnConditionCheckFailure: "ALL_OLD" } as const;

/** The write of a whole item. */
export function putOf(table: string, item: Item, { condition, values }: Condition): Put {
  return { TableName: table, Item: item, ConditionExpression: condition, ...expressionParts([condition], values) };
}

/** The write of a change. */
export function updateOf(
  table: string,
  { pk, update, condition, values, names }: Change,
): Update & { UpdateExpression: string } {
  const { ExpressionAttributeNames, ...parts } = expressionParts([update, condition], values);
  return {
    TableName: table,
    Key: { pk: text(pk) },
    UpdateExpression: update,
    ConditionExpression: condition,
    ExpressionAttributeNames: { ...ExpressionAttributeNames, ...names },
    ...parts,
  };
}

/** The condition alone, of an item that is not written. */
export function checkOf(table: string, pk: string, { condition, values }: Condition): ConditionCheck {
  const parts = expressionParts([condition], values);
  return { TableName: table, Key: { pk: text(pk) }, ConditionExpression: condition, ...parts };
}

/**
 * The names and the values of expressions. A `#name` stands for the attribute, so that no word of DynamoDB's is in the way. Values that
 * no expression names are left out, which DynamoDB would refuse.
 */
export function expressionParts(expressions: readonly string[], values: Item = {}) {
  const all = expressions.join(" ");
  const names = (all.match(/#\w+/g) ?? []).map((name) => [name, name.slice(1)]);
  const used = new Set(all.match(/:\w+/g));
  return {
    ExpressionAttributeNames: Object.fromEntries(names) as Record<string, string>,
    ...(used.size > 0 && {
      ExpressionAttributeValues: Object.fromEntries(Object.entries(values).filter(([name]) => used.has(name))),
    }),
  };
}
