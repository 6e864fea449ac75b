/** An order's name has its account and its number: the scope and the key that it is sent with. */
export const orderName = (scope: string, key: string): string => `${scope}/${key}`;

/** The key of an account's n-th order. Every account has the same keys, so that only the scope distinguishes them. */
export const keyOf = (number: number): string => `order-${number}`;

/** The scope and the key of an order. */
export function partsOf(order: string): { scope: string; key: string } {
  const [scope = "", key = ""] = order.split("/");
  return { scope, key };
}

/** Whether the API declines an order for good: every ninth. */
export const isDeclined = (order: string): boolean => Number(order.split("-").at(-1)) % 9 === 0;

/** The answers of the API. Each answer has a number that no other has, so that one made anew is not the same. */
export const answerText = {
  done: (effect: string, order: string): string => `effect ${effect} of ${order}`,
  declined: (number: string, order: string): string => `declined ${number} of ${order}`,
};

/** The order that an answer of the API is of, and its effect. */
export function readAnswer(text: string): { readonly request: string; readonly effect: string | undefined } {
  const [what = "", request = text] = text.split(" of ");
  const [kind, effect] = what.split(" ", 2);
  return { request, effect: kind === "effect" ? effect : undefined };
}

/** The statuses of the handler's own answers, which are stored under a key: it was executed, or declined for good. */
export const storedStatuses: ReadonlySet<number> = new Set([201, 402]);

/** The headers of a request, beside its key: its account, its order, and its attempt. */
export const headers = { account: "authorization", order: "x-order", attempt: "x-attempt" } as const;
