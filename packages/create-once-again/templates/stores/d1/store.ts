import { env } from "cloudflare:workers";
import { d1Store } from "once-again/cloudflare";

export const store = d1Store(env.DB);
