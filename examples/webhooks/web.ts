import { serve } from "@hono/node-server";
import { onceWeb } from "once-again/web";
import { handle, type OrderEvent, webhooks } from "./webhooks.ts";

// For Next.js, SvelteKit, Bun, Deno and workers: export it as POST.
const POST = onceWeb(webhooks, async (request, execution) => {
  handle((await request.json()) as OrderEvent, execution);
  return new Response(null, { status: 204 });
});
const port = Number(process.env["PORT"] ?? 3000);
serve({ fetch: POST, port, hostname: "127.0.0.1" }, () => console.log("listening"));
