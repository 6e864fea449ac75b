import "reflect-metadata";
import type { Server } from "node:http";
import {
  Body,
  type CanActivate,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Get,
  Module,
  Post,
  UnauthorizedException,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { Request } from "express";
import { executionOf, onceNest } from "once-again/nest";
import { accountOf } from "./accounts.ts";
import { type Charge, countCharges, type Operation } from "./charges.ts";
import { closeAtSigterm } from "./close-at-sigterm.ts";
import { options } from "./options.ts";
import { pay } from "./pay.ts";

const once = onceNest({
  ...options,
  // The account that owns the keys: two accounts never share one.
  scope: (request: Request) => accountOf(request.headers.authorization)!,
});

class Accounts implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    if (accountOf(request.headers.authorization) === undefined) throw new UnauthorizedException();
    return true;
  }
}

const OnceOperation = createParamDecorator((_data: unknown, context: ExecutionContext) => executionOf(context));

@Controller("charges")
@UseGuards(Accounts)
class Charges {
  @Get()
  async list(): Promise<object> {
    return { charges: await countCharges() };
  }

  @Post()
  @UseInterceptors(once)
  create(@Body() { amount }: { amount: number }, @OnceOperation() operation: Operation): Promise<Charge> {
    return pay(operation, amount);
  }
}

@Module({ controllers: [Charges] })
class App {}

// Nest parses bodies before everything else; `rawBody` lets it keep their bytes.
const app = await NestFactory.create(App, { rawBody: true, logger: ["error"] });
const port = Number(process.env["PORT"] ?? 3000);
await app.listen(port, "127.0.0.1");
console.log(`listening on port ${port}`);
closeAtSigterm(app.getHttpServer() as Server, once);
