// oxlint-disable import/no-unassigned-import, typescript/no-extraneous-class -- Nest is made of these.
import type { DatabaseSync } from "node:sqlite";
import "reflect-metadata";
import { Body, Controller, HttpCode, Module, Post, UseInterceptors } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { onceNest, Operation } from "once-again/nest";
import type { NodeExecution } from "once-again/node";
import { handle, type OrderEvent, webhooks } from "../../webhooks/webhooks.ts";

@Controller("webhooks")
class Webhooks {
  @Post()
  @HttpCode(204)
  @UseInterceptors(onceNest(webhooks))
  receive(@Body() event: OrderEvent, @Operation() execution: NodeExecution<DatabaseSync>): void {
    handle(event, execution);
  }
}

@Module({ controllers: [Webhooks] })
class App {}

// Nest parses bodies before everything else; `rawBody` lets it keep their bytes.
const app = await NestFactory.create(App, { rawBody: true, logger: false });
await app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1");
console.log("listening");
