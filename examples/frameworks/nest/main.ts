// oxlint-disable import/no-unassigned-import, typescript/no-extraneous-class -- Nest is made of these.
import type { IncomingMessage } from "node:http";
import "reflect-metadata";
import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  Inject,
  Module,
  Post,
  UnauthorizedException,
  UseGuards,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { Once, OnceModule, OnceRoutes, Operation } from "once-again/nest";
import type { NodeExecution } from "once-again/node";
import type { Store } from "once-again/stores";
import { sqliteStore } from "once-again/stores/sqlite";

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = ({ headers }: Pick<IncomingMessage, "headers">): string | undefined =>
  headers["x-account"]?.toString();

class Accounts implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (accountOf(context.switchToHttp().getRequest()) === undefined) throw new UnauthorizedException();
    return true;
  }
}

@Controller()
class Orders {
  @Inject(OnceRoutes) private readonly routes!: OnceRoutes;

  @Post("orders")
  @UseGuards(Accounts)
  @Once()
  @Header("location", "/orders/7")
  create(@Body() order: unknown, @Operation() { key }: NodeExecution): unknown {
    return { order, key };
  }

  @Get(".well-known/idempotency-key")
  policy(): unknown {
    return this.routes.find().policy;
  }
}

const keys = Symbol("keys");

@Module({
  providers: [{ provide: keys, useFactory: () => sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }) }],
  exports: [keys],
})
class Keys {}

const once = OnceModule.forRootAsync({
  imports: [Keys],
  inject: [keys],
  useFactory: (store: Store) => ({ store, scope: (request) => accountOf(request)! }),
});

@Module({ imports: [once], controllers: [Orders] })
class App {}

// Nest parses bodies before everything else; `rawBody` lets it keep their bytes.
const app = await NestFactory.create(App, { rawBody: true, logger: false });
// At a signal, operations under way end before the process does.
app.enableShutdownHooks();
await app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1");
console.log("listening");
