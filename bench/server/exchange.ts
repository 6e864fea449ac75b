/** The request and the response of every server of this benchmark: an order of 200 bytes, and 300 bytes about it. */

export const path = "/orders";
export const status = 201;
export const contentType = "application/json; charset=utf-8";

/** JSON of so many bytes. */
function filled(fields: Readonly<Record<string, unknown>>, bytes: number): string {
  const missing = bytes - JSON.stringify({ ...fields, note: "" }).length;
  return JSON.stringify({ ...fields, note: "n".repeat(missing) });
}

export const order = filled({ account: "acme", item: "coffee", amount: 420, currency: "EUR", express: true }, 200);
export const answer = filled({ order: "0190b5a4-7a3c-7bd0-9d7c-2f1f4a7f5d11", state: "accepted", amount: 420 }, 300);
