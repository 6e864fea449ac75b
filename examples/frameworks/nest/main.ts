// oxlint-disable import/no-unassigned-import, typescript/no-extraneous-class -- Nest is made of these.
import type { IncomingMessage } from "node:http";
import "reflect-metadata";
import {
  Body,
  type CanActivate,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Get,
  Header,
  Module,
  Post,
  UnauthorizedException,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { executionOf, onceNest } from "once-again/nest";
import type { NodeExecution } from "once-again/node";
import { sqliteStore } from "once-again/stores/sqlite";

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = ({ headers }: Pick<IncomingMessage, "headers">): string | undefined =>
  headers["x-account"]?.toString();

const once = onceNest({
  store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
  scope: (request) => accountOf(request)!,
});

class Accounts implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (accountOf(context.switchToHttp().getRequest()) === undefined) throw new UnauthorizedException();
    return true;
  }
}

const Operation = createParamDecorator((_data: unknown, context: ExecutionContext) => executionOf(context));

@Controller()
class Orders {
  @Post("orders")
  @UseGuards(Accounts)
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
