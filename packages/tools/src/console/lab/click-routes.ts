import type { OneClick } from "../../lab/click/one-click.ts";
import { refusal, type Route } from "../route.ts";

/** The routes of the story of one click. */
export function clickRoutes(shop: OneClick): Readonly<Record<string, Route>> {
  return {
    "POST click/open": () => {
      const click = shop.open();
      return click === undefined
        ? refusal(429, "There were too many clicks. Start the lab again.")
        : { json: { click } };
    },
    "POST click/pay": async ({ body }) => {
      const { click, key } = (body ?? {}) as { click?: unknown; key?: unknown };
      if (typeof click !== "number") return refusal(400, "click must be the number of a click.");
      if (key !== undefined && typeof key !== "string") return refusal(400, "key must be a text.");
      const end = await shop.pay({ click, ...(key !== undefined && { key }) });
      if (end === "refused") return refusal(400, "That click was not opened, or has had too many payments.");
      return end === "cut" ? { connection: "cut" } : { json: {} };
    },
    "GET click/counts": ({ query }) => {
      const counts = shop.counts(Number(query.get("click")));
      return counts === undefined ? refusal(400, "click must be the number of a click.") : { json: counts };
    },
  };
}
