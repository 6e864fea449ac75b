import { onceWeb } from "../../../packages/once-again/src/frameworks/web.ts";
import { options, programAt } from "./subject.ts";
import { webPrograms } from "./web-programs.ts";

// Two routes of Next.js with the same handlers: `/plain/web/NAME` and `/once/web/NAME`.

const handle = async (request: Request): Promise<Response> => {
  const { pathname } = new URL(request.url);
  return programAt("web", webPrograms, { url: pathname.slice(pathname.indexOf("/", 1)) })!(request);
};
const once = onceWeb(options(), handle);

/** With once-again in front where the path says so. */
export const POST = (request: Request): Promise<Response> =>
  new URL(request.url).pathname.startsWith("/once/") ? once(request) : handle(request);
