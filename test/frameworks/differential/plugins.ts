import fastifyHelmet from "@fastify/helmet";
import type { NestExpressApplication } from "@nestjs/platform-express";
import type { NestFastifyApplication } from "@nestjs/platform-fastify";
import helmet from "helmet";
import { expressSubjects } from "./express-plugins.ts";
import { fastifySubjects } from "./fastify-plugins.ts";
import { nestPrograms } from "./framework-programs.ts";
import { honoSubjects } from "./hono-plugins.ts";
import { koaSubjects } from "./koa-plugins.ts";
import { nestListener } from "./nest-listener.ts";
import { pathsOf, type Subject } from "./subject.ts";

const programs = pathsOf("own", nestPrograms);

const nestSubjects: readonly Subject[] = [
  {
    name: "Nest on express, helmet",
    programs,
    listener: (isGuarded) => nestListener("express", isGuarded, (app) => (app as NestExpressApplication).use(helmet())),
  },
  {
    name: "Nest on fastify, @fastify/helmet",
    programs,
    listener: (isGuarded) =>
      nestListener("fastify", isGuarded, (app) => (app as NestFastifyApplication).register(fastifyHelmet)),
  },
];

/** The middleware that is used most, in front of once-again and behind it. */
export const pluginSubjects: readonly Subject[] = [
  ...expressSubjects,
  ...koaSubjects,
  ...fastifySubjects,
  ...nestSubjects,
  ...honoSubjects,
];
