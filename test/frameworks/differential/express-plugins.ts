import type { RequestListener } from "node:http";
import compression from "compression";
import timeout from "connect-timeout";
import cookieSession from "cookie-session";
import cors from "cors";
import express, { type Request, type RequestHandler, type Response } from "express";
import rateLimit from "express-rate-limit";
import session from "express-session";
import helmet from "helmet";
import methodOverride from "method-override";
import morgan from "morgan";
import multer from "multer";
import passport from "passport";
import responseTime from "response-time";
import { keepRawBody, onceExpress } from "../../../packages/once-again/src/frameworks/express.ts";
import { chunks } from "./node-programs.ts";
import { mount, order, type Place, placed, upload } from "./plugin.ts";
import { options, reportError, type RequestForm, type Subject } from "./subject.ts";

type Route = (response: Response, request: Request) => unknown;

interface Plugin {
  readonly use: () => RequestHandler | RequestHandler[];
  readonly places?: readonly Place[];
  readonly request?: RequestForm;
  /** Routes that use it, beside those that all have. */
  readonly routes?: Readonly<Record<string, Route>>;
}

const common: Readonly<Record<string, Route>> = {
  text: (response) => response.send("made"),
  json: (response) => response.status(201).json(order),
  stream: (response) => void chunks("a", "b").pipe(response.type("text/plain")),
  redirect: (response) => response.redirect("/orders/7"),
  error: () => {
    throw new Error("no tea");
  },
  "an error after the response": (response) => {
    response.status(201).send("made");
    throw new Error("no tea");
  },
};

const silence = { stream: { write: () => undefined } };

/** Sets something in a session, which is what makes it send its cookie. */
const visit: RequestHandler = (request, _response, next) => {
  Object.assign((request as unknown as { session: object }).session, { seen: 1 });
  next();
};

const newSession = (): RequestHandler =>
  session({ secret: "key", resave: false, saveUninitialized: false, genid: () => "1" });

class Anyone extends passport.Strategy {
  override readonly name = "anyone";
  override authenticate(): void {
    this.success({ id: 7 });
  }
}

function newPassport(): passport.Authenticator {
  const authenticator = new passport.Passport();
  authenticator.use(new Anyone());
  authenticator.serializeUser((user, done) => done(null, (user as { id: number }).id));
  authenticator.deserializeUser((id, done) => done(null, { id }));
  return authenticator;
}

const plugins: Readonly<Record<string, Plugin>> = {
  compression: { use: () => compression({ threshold: 0 }) },
  "connect-timeout": { use: () => timeout("60s") },
  "cookie-session": { use: () => [cookieSession({ name: "s", keys: ["key"] }), visit] },
  cors: { use: () => cors({ origin: "https://shop.example", credentials: true, exposedHeaders: ["etag"] }) },
  "express-rate-limit": { use: () => rateLimit({ windowMs: 60_000, limit: 9 }) },
  "express-session": {
    use: () => [newSession(), visit],
    routes: {
      "a session that is saved": (response, { session: own }) => own.save(() => response.send("made")),
      "a session that is destroyed": (response, { session: own }) => own.destroy(() => response.send("made")),
      "a session made anew": (response, { session: own }) => own.regenerate(() => response.send("made")),
    },
  },
  "express.json": { use: () => express.json({ verify: keepRawBody }) },
  "express.raw": { use: () => express.raw({ type: "*/*" }) },
  "express.static": { use: () => express.static("docs", { fallthrough: true }) },
  "express.text": { use: () => express.text({ type: "*/*", verify: keepRawBody }) },
  "express.urlencoded": { use: () => express.urlencoded({ extended: true }) },
  helmet: { use: () => helmet() },
  "method-override": {
    use: () => methodOverride(),
    request: { headers: { "x-http-method-override": "PATCH" } },
    routes: { method: (response, { method }) => response.send(method) },
  },
  morgan: { use: () => morgan("combined", silence) },
  multer: {
    use: () => multer().any(),
    // In front it takes the body and stores no bytes: ONCE_BODY_CONSUMED.
    places: ["behind"],
    request: upload,
    routes: {
      form: (response, { body, files }) =>
        response.json([body, (files as Express.Multer.File[]).map(({ originalname, size }) => [originalname, size])]),
    },
  },
  passport: {
    use: () => {
      const authenticator = newPassport();
      return [authenticator.initialize(), authenticator.authenticate("anyone", { session: false }) as RequestHandler];
    },
    routes: { user: (response, { user }) => response.json(user) },
  },
  "passport with a session": {
    use: () => {
      const authenticator = newPassport();
      return [newSession(), authenticator.session() as RequestHandler];
    },
    routes: {
      "log in": (response, request) => request.login({ id: 7 }, () => response.json(request.user)),
      "log out": (response, request) => request.logout(() => response.send("made")),
    },
  },
  "response-time": {
    use: () => responseTime((_request, response) => response.setHeader("x-response-time", "1")) as RequestHandler,
  },
};

export const expressSubjects: readonly Subject[] = Object.entries(plugins).flatMap(([plugin, made]) => {
  const routes = { ...common, ...made.routes };
  const { places, request } = made;
  return placed(
    { framework: "Express", plugin, routes: Object.keys(routes), places, request },
    async (place, isGuarded) => {
      const app = express();
      const once = isGuarded ? (onceExpress(options()) as unknown as RequestHandler) : undefined;
      mount(place, (handler) => app.use(handler), made.use(), once);
      for (const [name, route] of Object.entries(routes)) {
        app.all(`/plugin/${encodeURIComponent(name)}`, (asked, response) => void route(response, asked));
      }
      app.use(reportError);
      return app as RequestListener;
    },
  );
});
