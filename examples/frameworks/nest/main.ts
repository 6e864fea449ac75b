// oxlint-disable import/no-unassigned-import, typescript/no-extraneous-class -- Nest is made of these.
import "reflect-metadata";
import {
  Body,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Get,
  Header,
  Module,
  Post,
  UseInterceptors,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { executionOf, onceNest } from "once-again/nest";
import type { NodeExecution } from "once-again/node";
import { sqliteStore } from "once-again/stores/sqlite";

const once = onceNest({
  store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
  scope: (request) => String(request.headers["x-account"]),
});

const Operation = createParamDecorator((_data: unknown, context: ExecutionContext) => executionOf(context));

@Controller()
class Orders {
  @Post("orders")
  @UseInterceptors(once)
  @Header("location", "/orders/7")
  create(@Body() order: unknown, @Operation() { key }: NodeExecution): unknown {
    return { order, key };
  }

  @Get(".well-known/idempotency-key")
  policy(): unknown {
    return once.policy;
  }
}

@Module({ controllers: [Orders] })
class App {}

// Nest parses bodies before everything else; `rawBody` lets it keep their bytes.
const app = await NestFactory.create(App, { rawBody: true, logger: false });
await app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1");
console.log("listening");
